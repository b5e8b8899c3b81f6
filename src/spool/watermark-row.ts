import type { DeviceHistory, Settlement } from '../core/ports.js';

/**
 * The row kept for each device: how far it is settled, and how busy it was then.
 *
 * ```
 *  0 f64 sequence        of the watermark
 *  8 f64 settledAtMs     wall-clock milliseconds
 * 16 u32 states          of the watermark
 * 20 u32 sendsInWindow
 * ```
 */
const ROW_BYTES = 24;

/** Writes a row; little-endian. */
export function encodeWatermarkRow(settlement: Settlement, settledAtMs: number): Buffer {
  const row = Buffer.allocUnsafe(ROW_BYTES);
  row.writeDoubleLE(settlement.watermark.sequence, 0);
  row.writeDoubleLE(settledAtMs, 8);
  row.writeUInt32LE(settlement.watermark.states, 16);
  row.writeUInt32LE(settlement.sendsInWindow, 20);
  return row;
}

/** Reads a row; undefined when it does not have the length of one. */
export function decodeWatermarkRow(row: Uint8Array): DeviceHistory | undefined {
  if (row.byteLength !== ROW_BYTES) return undefined;
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  return {
    watermark: { sequence: view.getFloat64(0, true), states: view.getUint32(16, true) },
    settledAtMs: view.getFloat64(8, true),
    sendsInWindow: view.getUint32(20, true),
  };
}
