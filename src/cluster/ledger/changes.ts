/**
 * The body of a ledger's entry: what changed in a partition, or a part of all that is known of it. A later row of a device,
 * of a writer or of a piece takes the place of an earlier one.
 *
 * All that is known may be more than a message holds, so it is written in parts, one entry behind the other. What stands
 * before the first part counts until the last one is there; then it is removed.
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
  /** All messages of dead letters up to this one. */
  readonly upToSequence: number;
  readonly count: number;
  readonly bytes: number;
  /** The latest of them, which people are shown, are from this one on. */
  readonly latestFrom: number;
}

/** Which part of all that is known an entry has, from 1 on. */
export interface Part {
  readonly number: number;
  readonly of: number;
}

export interface Changes {
  readonly devices: readonly DeviceRow[];
  readonly pieces: readonly PieceRow[];
  readonly writers: readonly WriterRow[];
  /** Undefined where it stayed as it was. */
  readonly letters: LettersRow | undefined;
  /** Sequences of dead letters that have ended, though their messages may still be there. */
  readonly lifted: readonly number[];
  /** Undefined but in a snapshot. */
  readonly part: Part | undefined;
  /** In a release: so long before it the snapshot was written that the ages count from. */
  readonly sinceSnapshotMs: number;
}

export const NO_CHANGES: Changes = {
  devices: [],
  pieces: [],
  writers: [],
  letters: undefined,
  lifted: [],
  part: undefined,
  sinceSnapshotMs: 0,
};
export const NO_STAMPS: StampsBefore = {
  lastStampMs: Number.NEGATIVE_INFINITY,
  lastArrivalMs: Number.NEGATIVE_INFINITY,
  lastOwnMs: Number.NEGATIVE_INFINITY,
};

export function encodeChanges(changes: Changes): Buffer {
  const { devices, pieces, writers, letters, lifted, part, sinceSnapshotMs } = changes;
  const out = new ByteWriter();
  out.uint(part?.number ?? 0);
  out.uint(part?.of ?? 0);
  out.float(sinceSnapshotMs);
  out.uint(devices.length);
  for (const row of devices) writeDevice(out, row);
  out.uint(pieces.length);
  for (const row of pieces) writePiece(out, row);
  out.uint(writers.length);
  for (const row of writers) writeWriter(out, row);
  out.uint(lifted.length);
  for (const sequence of lifted) out.uint(sequence);
  out.uint(letters === undefined ? 0 : 1);
  if (letters !== undefined) writeLetters(out, letters);
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
  const [number, of] = [input.uint(), input.uint()];
  const changes: Changes = {
    part: number === 0 ? undefined : { number, of },
    sinceSnapshotMs: input.float(),
    devices: listOf(input, () => readDevice(input)),
    pieces: listOf(input, () => readPiece(input, entrySequence)),
    writers: listOf(input, () => ({ writer: input.text(), counter: input.uint(), storedAtMs: input.float() })),
    lifted: listOf(input, () => input.uint()),
    letters: input.uint() === 0 ? undefined : readLetters(input),
  };
  if (input.left > 0) throw new RangeError('more follows than belongs to it');
  return changes;
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

function readPiece(input: ByteReader, entrySequence: number): PieceRow {
  const device = Device.fromBytes(input.raw(2 * ID_BYTES), 0);
  const sequence = input.float();
  return {
    device,
    sequence: sequence < 0 ? entrySequence + sequence : sequence,
    bytes: input.uint(),
    states: input.uint(),
    settledStates: input.uint(),
    oldestStoredAtMs: input.float(),
  };
}

function writeWriter(out: ByteWriter, { writer, counter, storedAtMs }: WriterRow): void {
  out.text(writer);
  out.uint(counter);
  out.float(storedAtMs);
}

function writeLetters(out: ByteWriter, { upToSequence, count, bytes, latestFrom }: LettersRow): void {
  out.uint(upToSequence);
  out.uint(count);
  out.uint(bytes);
  out.uint(latestFrom);
}

function readLetters(input: ByteReader): LettersRow {
  return { upToSequence: input.uint(), count: input.uint(), bytes: input.uint(), latestFrom: input.uint() };
}
