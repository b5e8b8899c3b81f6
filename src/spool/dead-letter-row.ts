import type { DeadLetter } from '../core/dead-letter.js';
import { Device, ID_BYTES } from '../core/device.js';
import { openRow, sealRow } from './sealed-row.js';

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
const FIXED_BYTES = 48;
const AT_IDS = 24;
const HELD_APART = 2 ** 31;

export function encodeDeadLetter(key: Uint8Array, letter: DeadLetter): Buffer {
  const reason = Buffer.from(letter.reason);
  const payload = Buffer.allocUnsafe(FIXED_BYTES + reason.byteLength + letter.fragment.byteLength);
  payload.writeDoubleLE(letter.timeMs, 0);
  payload.writeDoubleLE(letter.refusedAtMs, 8);
  payload.writeUInt32LE(letter.status + (letter.isHeldApart ? HELD_APART : 0), 16);
  payload.writeUInt32LE(reason.byteLength, 20);
  payload.set(letter.device.idBytes, AT_IDS);
  payload.set(reason, FIXED_BYTES);
  payload.set(letter.fragment, FIXED_BYTES + reason.byteLength);
  return sealRow(key, payload);
}

/** Reads a row; undefined when it is not one that was written for `key`. */
export function decodeDeadLetter(key: Uint8Array, row: Uint8Array): DeadLetter | undefined {
  const payload = openRow(key, row);
  if (payload === undefined || payload.byteLength < AT_IDS + 2 * ID_BYTES) return undefined;
  const fragmentStart = FIXED_BYTES + payload.readUInt32LE(20);
  const status = payload.readUInt32LE(16);
  return {
    device: Device.fromBytes(payload, AT_IDS),
    timeMs: payload.readDoubleLE(0),
    fragment: Uint8Array.from(payload.subarray(fragmentStart)),
    status: status % HELD_APART,
    reason: payload.toString('utf8', FIXED_BYTES, fragmentStart),
    refusedAtMs: payload.readDoubleLE(8),
    ...(status >= HELD_APART ? { isHeldApart: true as const } : {}),
  };
}

/** Whose a row is that fails its checksum; undefined where its head does not fit its length. */
export function ownerOfDamagedLetter(row: Buffer): Device | undefined {
  const isHeadCredible = row.byteLength >= FIXED_BYTES && row.readUInt32LE(20) <= row.byteLength - FIXED_BYTES;
  return isHeadCredible ? Device.fromBytes(row, AT_IDS) : undefined;
}
