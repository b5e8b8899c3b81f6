import type { DeviceHistory } from '../core/ports.js';
import { openRow, sealRow } from './sealed-row.js';

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
const PAYLOAD_BYTES = 40;
const PAYLOAD_BYTES_2 = 32;
const PAYLOAD_BYTES_1 = 24;

/** What a row holds. */
export interface WatermarkRow extends DeviceHistory {
  /** That no boot has: the row is of format 1. */
  readonly bootTag: number;
  /** Of the journal, when the row was written; 0 in formats 1 and 2. */
  readonly position: number;
}

/** Writes a row; little-endian. */
export function encodeWatermarkRow(key: Uint8Array, row: WatermarkRow): Buffer {
  const payload = Buffer.allocUnsafe(PAYLOAD_BYTES);
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
  const isKnown = byteLength === PAYLOAD_BYTES || byteLength === PAYLOAD_BYTES_2 || byteLength === PAYLOAD_BYTES_1;
  if (payload === undefined || !isKnown) return undefined;
  const isFormat1 = byteLength === PAYLOAD_BYTES_1;
  return {
    watermark: { sequence: payload.readDoubleLE(0), states: payload.readUInt32LE(16) },
    sends: {
      count: payload.readUInt32LE(20),
      windowMs: isFormat1 ? 0 : payload.readUInt32LE(24),
      untilMs: isFormat1 ? 0 : payload.readDoubleLE(8),
    },
    bootTag: isFormat1 ? 0 : payload.readUInt32LE(28),
    position: byteLength === PAYLOAD_BYTES ? payload.readDoubleLE(32) : 0,
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
