/**
 * The disk format of what is read by key (docs/architecture.md, "The data directory"): the rows of devices, pieces and dead
 * letters, little-endian, each closed by a checksum over key and row; and the values under names in `meta`, which are JSON.
 * What stands in the journal has its formats in `segments/block-layout.ts` and `state/record-layout.ts`.
 */

import { crc32 } from 'node:zlib';
import type { DeadLetter } from '../../core/dead-letter.js';
import { Device, ID_BYTES } from '../../core/device.js';
import type { DeviceHistory } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import type { Timebases } from '../../core/time/timebase.js';
import type { Extent } from '../backlog/free-space.js';
import { decodeManifest, encodeManifest, type Manifest } from '../segments/manifest.js';
import { type Change, changeOf } from './commit-writer.js';
import { openRow, sealRow } from './sealed-row.js';
import { DAMAGED, type MetaRows, openJson, readSealedJson } from './table.js';

/**
 * The row kept for each device, under its 24 bytes: how far the journal is settled, and what its pacing counted then.
 *
 * ```
 *  0 f64 sequence        of the watermark
 *  8 f64 untilMs         monotonic milliseconds of the boot: none of the sends can have arrived later
 * 16 u32 states          of the watermark
 * 20 u32 sends           that counted
 * 24 u32 windowMs        in which they did
 * 28 u32 bootTag         of the boot that `untilMs` counts from
 * 32 f64 position        of the journal: all that stood up to it was older than this row
 * 40 u32 checksum        over key and row
 * ```
 *
 * Format 2 had no position: there was no other place where a newer row could stand. Format 1 had a wall-clock time at 8,
 * no window and no boot: of its sends nothing is known but their number.
 */
const WATERMARK_BYTES = 40;
const WATERMARK_BYTES_2 = 32;
const WATERMARK_BYTES_1 = 24;

/** What a row holds. */
export interface WatermarkRow extends DeviceHistory {
  /** That no boot has: the row is of format 1. */
  readonly bootTag: number;
  /** Of the journal, when the row was written; 0 in formats 1 and 2. */
  readonly position: number;
}

/** Writes a row; little-endian. */
export function encodeWatermarkRow(key: Uint8Array, row: WatermarkRow): Buffer {
  const payload = Buffer.allocUnsafe(WATERMARK_BYTES);
  payload.writeDoubleLE(row.watermark.sequence, 0);
  payload.writeDoubleLE(row.sends.untilMs, 8);
  payload.writeUInt32LE(row.watermark.states, 16);
  payload.writeUInt32LE(row.sends.count, 20);
  payload.writeUInt32LE(row.sends.windowMs, 24);
  payload.writeUInt32LE(row.bootTag, 28);
  payload.writeDoubleLE(row.position, 32);
  return sealRow(key, payload);
}

/** Reads a row; undefined when it is not one that was written for `key`. */
export function decodeWatermarkRow(key: Uint8Array, row: Uint8Array): WatermarkRow | undefined {
  const payload = openRow(key, row);
  const byteLength = payload?.byteLength ?? 0;
  const isKnown =
    byteLength === WATERMARK_BYTES || byteLength === WATERMARK_BYTES_2 || byteLength === WATERMARK_BYTES_1;
  if (payload === undefined || !isKnown) return undefined;
  const isFormat1 = byteLength === WATERMARK_BYTES_1;
  return {
    watermark: { sequence: payload.readDoubleLE(0), states: payload.readUInt32LE(16) },
    sends: {
      count: payload.readUInt32LE(20),
      windowMs: isFormat1 ? 0 : payload.readUInt32LE(24),
      untilMs: isFormat1 ? 0 : payload.readDoubleLE(8),
    },
    bootTag: isFormat1 ? 0 : payload.readUInt32LE(28),
    position: byteLength === WATERMARK_BYTES ? payload.readDoubleLE(32) : 0,
  };
}

/**
 * Which of the rows of a device is the newer one: `logged`, which was written to the journal, or `stored`. The rows of a
 * device are written one after the other, each when the one before is on stable storage: so the later has the higher
 * position, and what is in both places is the same.
 */
export function newerRow(key: Uint8Array, logged: Buffer, stored: Buffer): Buffer {
  const row = decodeWatermarkRow(key, stored);
  return row !== undefined && row.position > (decodeWatermarkRow(key, logged)?.position ?? 0) ? stored : logged;
}

/**
 * What the database `backlog` keeps of a piece: where it stands and what it holds, so that a start reads rows and no
 * piece.
 *
 * ```
 *  0 f64 offset              in pieces.dat
 *  8 f64 oldestStoredAtMs
 * 16 u32 byteLength
 * 20 u32 states
 * 24 u32 settledStates       of them, at its start
 * 28 u32 pieceChecksum       that of the record, which binds the row to it
 * 32 u32 checksum            over key and row
 * ```
 */
export interface PieceRow extends Extent {
  readonly oldestStoredAtMs: number;
  readonly states: number;
  readonly settledStates: number;
  readonly pieceChecksum: number;
}

const PIECE_BYTES = 32;

/** Writes a row; little-endian. */
export function encodePieceRow(key: Uint8Array, row: PieceRow): Buffer {
  const payload = Buffer.allocUnsafe(PIECE_BYTES);
  payload.writeDoubleLE(row.offset, 0);
  payload.writeDoubleLE(row.oldestStoredAtMs, 8);
  payload.writeUInt32LE(row.byteLength, 16);
  payload.writeUInt32LE(row.states, 20);
  payload.writeUInt32LE(row.settledStates, 24);
  payload.writeUInt32LE(row.pieceChecksum, 28);
  return sealRow(key, payload);
}

/** Reads a row; undefined when it is not one that was written for `key`. */
export function decodePieceRow(key: Uint8Array, row: Uint8Array): PieceRow | undefined {
  const payload = openRow(key, row);
  if (payload?.byteLength !== PIECE_BYTES) return undefined;
  return {
    offset: payload.readDoubleLE(0),
    oldestStoredAtMs: payload.readDoubleLE(8),
    byteLength: payload.readUInt32LE(16),
    states: payload.readUInt32LE(20),
    settledStates: payload.readUInt32LE(24),
    pieceChecksum: payload.readUInt32LE(28),
  };
}

/**
 * A dead letter as it is kept, under its number; little-endian.
 *
 * ```
 *  0 f64 timeMs
 *  8 f64 refusedAtMs
 * 16 u32 status, and the highest bit for one that is held apart
 * 20 u32 reasonBytes
 * 24 12 bytes application id, 12 bytes device id
 * 48 reason               UTF-8
 *    fragment             up to the checksum
 *    u32 checksum         over key and row
 * ```
 */
const LETTER_FIXED_BYTES = 48;
const LETTER_AT_IDS = 24;
const HELD_APART = 2 ** 31;

export function encodeDeadLetter(key: Uint8Array, letter: DeadLetter): Buffer {
  const reason = Buffer.from(letter.reason);
  const payload = Buffer.allocUnsafe(LETTER_FIXED_BYTES + reason.byteLength + letter.fragment.byteLength);
  payload.writeDoubleLE(letter.timeMs, 0);
  payload.writeDoubleLE(letter.refusedAtMs, 8);
  payload.writeUInt32LE(letter.status + (letter.isHeldApart ? HELD_APART : 0), 16);
  payload.writeUInt32LE(reason.byteLength, 20);
  payload.set(letter.device.idBytes, LETTER_AT_IDS);
  payload.set(reason, LETTER_FIXED_BYTES);
  payload.set(letter.fragment, LETTER_FIXED_BYTES + reason.byteLength);
  return sealRow(key, payload);
}

/** Reads a row; undefined when it is not one that was written for `key`. */
export function decodeDeadLetter(key: Uint8Array, row: Uint8Array): DeadLetter | undefined {
  const payload = openRow(key, row);
  if (payload === undefined || payload.byteLength < LETTER_AT_IDS + 2 * ID_BYTES) return undefined;
  const fragmentStart = LETTER_FIXED_BYTES + payload.readUInt32LE(20);
  const status = payload.readUInt32LE(16);
  return {
    device: Device.fromBytes(payload, LETTER_AT_IDS),
    timeMs: payload.readDoubleLE(0),
    fragment: Uint8Array.from(payload.subarray(fragmentStart)),
    status: status % HELD_APART,
    reason: payload.toString('utf8', LETTER_FIXED_BYTES, fragmentStart),
    refusedAtMs: payload.readDoubleLE(8),
    ...(status >= HELD_APART ? { isHeldApart: true as const } : {}),
  };
}

/** Whose a row is that fails its checksum; undefined where its head does not fit its length. */
export function ownerOfDamagedLetter(row: Buffer): Device | undefined {
  const isHeadCredible =
    row.byteLength >= LETTER_FIXED_BYTES && row.readUInt32LE(20) <= row.byteLength - LETTER_FIXED_BYTES;
  return isHeadCredible ? Device.fromBytes(row, LETTER_AT_IDS) : undefined;
}

const BOOT_KEY = 'boot';

/** The boot of the machine that the spool was last opened in: what times of other runs are to be compared by. */
export interface BootRow {
  readonly tag: number;
  /** Monotonic: when the spool was first opened in it; whatever was done in another boot was done before. */
  readonly firstOpenedMs: number;
  /** By how much the wall clock was ahead of the monotonic one then; see `StoredTimeClock`. */
  readonly wallOffsetMs: number;
}

/** The row of the boot that runs: the one on disk, or another where that is of an earlier boot or cannot be read. */
export function bootRowNow(meta: MetaRows, tag: number, clock: Clock): BootRow {
  const known = readBootRow(meta);
  if (known?.tag === tag) return known;
  const nowMs = clock.monotonicMs();
  return { tag, firstOpenedMs: nowMs, wallOffsetMs: Math.round(clock.wallMs() - nowMs) };
}

/** Undefined where there is none that can be read. */
export function readBootRow(meta: MetaRows): BootRow | undefined {
  let row: Partial<BootRow & { checksum: number }>;
  try {
    row = (meta.get(BOOT_KEY) ?? {}) as typeof row;
  } catch {
    return undefined;
  }
  const { tag, firstOpenedMs, wallOffsetMs, checksum } = row;
  if (tag === undefined || firstOpenedMs === undefined || wallOffsetMs === undefined) return undefined;
  const read = { tag, firstOpenedMs, wallOffsetMs };
  return checksum === bootChecksumOf(read) ? read : undefined;
}

/** Writes the row down. */
export function writeBootRow(meta: MetaRows, row: BootRow): Change {
  const sealed = { ...row, checksum: bootChecksumOf(row) };
  return changeOf(() => [meta.put(BOOT_KEY, sealed)]);
}

function bootChecksumOf({ tag, firstOpenedMs, wallOffsetMs }: BootRow): number {
  return crc32(`${tag} ${firstOpenedMs} ${wallOffsetMs}`);
}

const SEGMENTS_KEY = 'segments';

/** Which segments the journal has; `manifest` is undefined where none was written yet, or it cannot be read. */
export function readManifest(meta: MetaRows): { manifest: Manifest | undefined; isDamaged: boolean } {
  let row: unknown;
  try {
    row = meta.get(SEGMENTS_KEY);
  } catch {
    return { manifest: undefined, isDamaged: true };
  }
  if (row === undefined) return { manifest: undefined, isDamaged: false };
  const manifest = typeof row === 'string' ? decodeManifest(Buffer.from(row, 'base64')) : undefined;
  return { manifest, isDamaged: manifest === undefined };
}

/** Writes that down. */
export function writeManifest(meta: MetaRows, manifest: Manifest): Promise<boolean> {
  return meta.put(SEGMENTS_KEY, encodeManifest(manifest).toString('base64'));
}

/** Takes it away: there are no segments. */
export function removeManifest(meta: MetaRows): Promise<boolean> {
  return meta.remove(SEGMENTS_KEY);
}

/** Its name in `meta`. */
export const TIMEBASES_KEY = 'timebases';
const NO_TIMEBASES: Timebases = { bases: [], heard: undefined };

/**
 * What is known of the clocks that times were counted with; nothing where that cannot be read.
 * @param logged what stands in the journal, where that is newer
 */
export function readTimebases(meta: MetaRows, logged: Buffer | undefined): Timebases & { readonly isDamaged: boolean } {
  const value = logged === undefined ? readSealedJson(meta, TIMEBASES_KEY) : openJson(JSON.parse(logged.toString()));
  if (value === DAMAGED) return { ...NO_TIMEBASES, isDamaged: true };
  return { ...(value === undefined ? NO_TIMEBASES : (value as Timebases)), isDamaged: false };
}
