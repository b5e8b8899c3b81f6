import { crc32 } from 'node:zlib';

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
