import type { DeviceHistory } from '../core/ports.js';
import { openRow, sealRow } from './sealed-row.js';

/**
 * The row kept for each device, under its 24 bytes: how far the journal is settled, and how busy the device was then.
 *
 * ```
 *  0 f64 sequence        of the watermark
 *  8 f64 settledAtMs     wall-clock milliseconds
 * 16 u32 states          of the watermark
 * 20 u32 sendsInWindow
 * 24 u32 checksum        over key and row
 * ```
 */
const PAYLOAD_BYTES = 24;

/** Writes a row; little-endian. */
export function encodeWatermarkRow(key: Uint8Array, history: DeviceHistory): Buffer {
  const payload = Buffer.allocUnsafe(PAYLOAD_BYTES);
  payload.writeDoubleLE(history.watermark.sequence, 0);
  payload.writeDoubleLE(history.settledAtMs, 8);
  payload.writeUInt32LE(history.watermark.states, 16);
  payload.writeUInt32LE(history.sendsInWindow, 20);
  return sealRow(key, payload);
}

/** Reads a row; undefined when it is not one that was written for `key`. */
export function decodeWatermarkRow(key: Uint8Array, row: Uint8Array): DeviceHistory | undefined {
  const payload = openRow(key, row);
  if (payload?.byteLength !== PAYLOAD_BYTES) return undefined;
  return {
    watermark: { sequence: payload.readDoubleLE(0), states: payload.readUInt32LE(16) },
    settledAtMs: payload.readDoubleLE(8),
    sendsInWindow: payload.readUInt32LE(20),
  };
}
