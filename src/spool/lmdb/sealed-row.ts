import { crc32 } from 'node:zlib';
import { Device, ID_BYTES } from '../../core/device.js';

const CHECKSUM_BYTES = 4;

/**
 * Closes a row of one of the databases with a CRC-32 over its key and itself, so that neither a flipped bit nor a row
 * under another's key passes for good. `payload` is followed by the checksum, a little-endian u32.
 */
export function sealRow(key: Uint8Array, payload: Uint8Array): Buffer {
  const row = Buffer.allocUnsafe(payload.byteLength + CHECKSUM_BYTES);
  row.set(payload);
  row.writeUInt32LE(crc32(payload, crc32(key)), payload.byteLength);
  return row;
}

/** The payload of a row that {@link sealRow} made for `key`; undefined when it is not one. */
export function openRow(key: Uint8Array, row: Uint8Array): Buffer | undefined {
  const end = row.byteLength - CHECKSUM_BYTES;
  if (end < 0) return undefined;
  const payload = Buffer.from(row.buffer, row.byteOffset, end);
  const checksum = new DataView(row.buffer, row.byteOffset + end, CHECKSUM_BYTES).getUint32(0, true);
  return crc32(payload, crc32(key)) === checksum ? payload : undefined;
}

/**
 * Keys of the databases. Numbers are big-endian, so that LMDB's order of bytes is their order; each key of a value that
 * has no checksum over its key ends in one of its own.
 */

const NUMBER_BYTES = 8;
const DEVICE_BYTES = 2 * ID_BYTES;

/**
 * The sequence in a key of the journal as it was in formats 1 and 2, before its CRC-32: a record knows nothing of the place
 * it stood at. Undefined when the key is damaged.
 */
export function sequenceOfJournalKey(key: Uint8Array): number | undefined {
  if (key.byteLength !== NUMBER_BYTES + CHECKSUM_BYTES) return undefined;
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  if (crc32(key.subarray(0, NUMBER_BYTES)) !== view.getUint32(NUMBER_BYTES)) return undefined;
  return Number(view.getBigUint64(0));
}

/** Key of a dead letter, of a request for one, of an unreadable item. */
export function numberKey(number: number): Buffer {
  const key = Buffer.allocUnsafe(NUMBER_BYTES);
  key.writeBigUInt64BE(BigInt(number), 0);
  return key;
}

/** The number in a {@link numberKey}. */
export function numberOfKey(key: Uint8Array): number {
  if (key.byteLength !== NUMBER_BYTES) return Number.NaN;
  return Number(new DataView(key.buffer, key.byteOffset, NUMBER_BYTES).getBigUint64(0));
}

/** Key of a piece of backlog: the device's 24 bytes, then the piece's sequence. */
export function pieceKey(idBytes: Uint8Array, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(DEVICE_BYTES + NUMBER_BYTES);
  key.set(idBytes);
  key.writeBigUInt64BE(BigInt(sequence), DEVICE_BYTES);
  return key;
}

/** The sequence in a {@link pieceKey}, whose first 24 bytes are its device; undefined when it has not the length of one. */
export function sequenceOfPieceKey(key: Uint8Array): number | undefined {
  if (key.byteLength !== DEVICE_BYTES + NUMBER_BYTES) return undefined;
  return Number(new DataView(key.buffer, key.byteOffset, key.byteLength).getBigUint64(DEVICE_BYTES));
}

/** The device that a {@link pieceKey} or the key of a watermark begins with; undefined when it is too short for one. */
export function deviceOfKey(key: Uint8Array): Device | undefined {
  return key.byteLength < DEVICE_BYTES ? undefined : Device.fromBytes(key, 0);
}
