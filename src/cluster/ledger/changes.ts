/**
 * The body of a ledger's entry: what changed in a partition, or all that is known of it. A later row of a device, of a writer
 * or of a piece takes the place of an earlier one.
 */

import { Device, ID_BYTES } from '../../core/device.js';
import type { Watermark } from '../../core/spool-ports.js';
import { ByteReader, ByteWriter } from './bytes.js';

/** What must be known of a device to give its next state a time that no other has. Milliseconds since the epoch. */
export interface StampsBefore {
  /** The last one given; -Infinity for none. */
  readonly lastStampMs: number;
  /** The arrival that it was given for; -Infinity for none. */
  readonly lastArrivalMs: number;
  /** The last time that the device itself named; -Infinity for none. */
  readonly lastOwnMs: number;
}

/** Requests of a device that the cloud may still count, by their age, since no two machines share a monotonic clock. */
export interface AgedSends {
  readonly count: number;
  readonly windowMs: number;
  /** How long before the entry was written the last of them can have arrived; below 0 for one that may arrive yet. */
  readonly untilAgeMs: number;
}

export interface DeviceRow {
  readonly device: Device;
  readonly watermark: Watermark;
  readonly sends: AgedSends;
  /** Where the watermark stands within a record: before that record. */
  readonly stamps: StampsBefore;
}

/** A piece of backlog: it is gone when all of its states are settled. */
export interface PieceRow {
  readonly device: Device;
  /** Of its message. Below 0: so far before that of the entry, which is not known as this is written. */
  readonly sequence: number;
  readonly bytes: number;
  readonly states: number;
  readonly settledStates: number;
  readonly oldestStoredAtMs: number;
}

/** The last record of a writer before the cursor. */
export interface WriterRow {
  readonly writer: string;
  readonly counter: number;
  /** When the record was stored, by the clock of its replica: says how long the writer has been silent. */
  readonly storedAtMs: number;
}

/** Dead letters that were counted. */
export interface LettersRow {
  /** All messages of dead letters up to this one; below 0 as {@link PieceRow.sequence}. */
  readonly upToSequence: number;
  readonly count: number;
  readonly bytes: number;
}

export interface Changes {
  readonly devices: readonly DeviceRow[];
  readonly pieces: readonly PieceRow[];
  readonly writers: readonly WriterRow[];
  /** Undefined where it stayed as it was. */
  readonly letters: LettersRow | undefined;
}

export const NO_CHANGES: Changes = { devices: [], pieces: [], writers: [], letters: undefined };
export const NO_STAMPS: StampsBefore = {
  lastStampMs: Number.NEGATIVE_INFINITY,
  lastArrivalMs: Number.NEGATIVE_INFINITY,
  lastOwnMs: Number.NEGATIVE_INFINITY,
};

export function encodeChanges({ devices, pieces, writers, letters }: Changes): Buffer {
  const out = new ByteWriter();
  out.uint(devices.length);
  for (const row of devices) writeDevice(out, row);
  out.uint(pieces.length);
  for (const row of pieces) writePiece(out, row);
  out.uint(writers.length);
  for (const row of writers) {
    out.text(row.writer);
    out.uint(row.counter);
    out.float(row.storedAtMs);
  }
  out.uint(letters === undefined ? 0 : 1);
  if (letters !== undefined) {
    out.float(letters.upToSequence);
    out.uint(letters.count);
    out.uint(letters.bytes);
  }
  return out.written;
}

/**
 * Reads a body that {@link encodeChanges} wrote; an empty one has no changes.
 * @param entrySequence of the entry that it stands in
 * @throws RangeError when it is none
 */
export function decodeChanges(body: Uint8Array, entrySequence: number): Changes {
  if (body.byteLength === 0) return NO_CHANGES;
  const input = new ByteReader(body);
  const absolute = (sequence: number) => (sequence < 0 ? entrySequence + sequence : sequence);
  const devices = listOf(input, () => readDevice(input));
  const pieces = listOf(input, () => {
    const row = readPiece(input);
    return { ...row, sequence: absolute(row.sequence) };
  });
  const writers = listOf(input, () => ({ writer: input.text(), counter: input.uint(), storedAtMs: input.float() }));
  let letters: LettersRow | undefined;
  if (input.uint() === 1) letters = { upToSequence: absolute(input.float()), count: input.uint(), bytes: input.uint() };
  if (!input.isAtEnd) throw new RangeError('more follows than belongs to it');
  return { devices, pieces, writers, letters };
}

function listOf<T>(input: ByteReader, read: () => T): T[] {
  const list: T[] = [];
  for (let left = input.uint(); left > 0; left--) list.push(read());
  return list;
}

const HAS_STAMPS = 1;

function writeDevice(out: ByteWriter, { device, watermark, sends, stamps }: DeviceRow): void {
  const { lastStampMs, lastArrivalMs, lastOwnMs } = stamps;
  const hasStamps = Math.max(lastStampMs, lastArrivalMs, lastOwnMs) !== Number.NEGATIVE_INFINITY;
  out.raw(device.idBytes);
  out.uint(hasStamps ? HAS_STAMPS : 0);
  out.uint(watermark.sequence);
  out.uint(watermark.states);
  out.uint(sends.count);
  out.uint(sends.windowMs);
  out.float(sends.untilAgeMs);
  if (!hasStamps) return;
  out.float(lastStampMs);
  out.float(lastArrivalMs);
  out.float(lastOwnMs);
}

function readDevice(input: ByteReader): DeviceRow {
  const device = Device.fromBytes(input.raw(2 * ID_BYTES), 0);
  const hasStamps = input.uint() === HAS_STAMPS;
  const watermark = { sequence: input.uint(), states: input.uint() };
  const sends = { count: input.uint(), windowMs: input.uint(), untilAgeMs: input.float() };
  const stamps = hasStamps
    ? { lastStampMs: input.float(), lastArrivalMs: input.float(), lastOwnMs: input.float() }
    : NO_STAMPS;
  return { device, watermark, sends, stamps };
}

function writePiece(out: ByteWriter, row: PieceRow): void {
  out.raw(row.device.idBytes);
  out.float(row.sequence);
  out.uint(row.bytes);
  out.uint(row.states);
  out.uint(row.settledStates);
  out.float(row.oldestStoredAtMs);
}

function readPiece(input: ByteReader): PieceRow {
  return {
    device: Device.fromBytes(input.raw(2 * ID_BYTES), 0),
    sequence: input.float(),
    bytes: input.uint(),
    states: input.uint(),
    settledStates: input.uint(),
    oldestStoredAtMs: input.float(),
  };
}
