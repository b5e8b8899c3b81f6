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
 * 32 u32 checksum        over key and row
 * ```
 *
 * Format 1 had a wall-clock time at 8, no window and no boot: of its sends nothing is known but their number.
 */
const PAYLOAD_BYTES = 32;
const PAYLOAD_BYTES_1 = 24;

/** What a row holds. */
export interface WatermarkRow extends DeviceHistory {
  /** That no boot has: the row is of format 1. */
  readonly bootTag: number;
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
  return sealRow(key, payload);
}

/** Reads a row; undefined when it is not one that was written for `key`. */
export function decodeWatermarkRow(key: Uint8Array, row: Uint8Array): WatermarkRow | undefined {
  const payload = openRow(key, row);
  const isFormat1 = payload?.byteLength === PAYLOAD_BYTES_1;
  if (payload === undefined || (!isFormat1 && payload.byteLength !== PAYLOAD_BYTES)) return undefined;
  return {
    watermark: { sequence: payload.readDoubleLE(0), states: payload.readUInt32LE(16) },
    sends: {
      count: payload.readUInt32LE(20),
      windowMs: isFormat1 ? 0 : payload.readUInt32LE(24),
      untilMs: isFormat1 ? 0 : payload.readDoubleLE(8),
    },
    bootTag: isFormat1 ? 0 : payload.readUInt32LE(28),
  };
}
