/** A dead letter as a message of the stream; its number is the message's sequence, which no other ever has. */

import { crc32 } from 'node:zlib';
import type { DeadLetter, StoredDeadLetter } from '../../core/dead-letter.js';
import { Device, ID_BYTES } from '../../core/device.js';
import { ByteReader, ByteWriter } from '../ledger/bytes.js';
import type { KeptMessage } from '../ledger-log.js';

const LAYOUT = 1;
const CHECKSUM_BYTES = 4;

export function encodeLetter({
  device,
  timeMs,
  fragment,
  status,
  reason,
  refusedAtMs,
  isHeldApart,
}: DeadLetter): Buffer {
  const out = new ByteWriter();
  out.uint(LAYOUT);
  out.raw(device.idBytes);
  out.float(timeMs);
  out.float(refusedAtMs);
  out.uint(status);
  out.uint(isHeldApart === true ? 1 : 0);
  out.text(reason);
  out.raw(fragment);
  const checksum = Buffer.allocUnsafe(CHECKSUM_BYTES);
  checksum.writeUInt32LE(crc32(out.written));
  return Buffer.concat([out.written, checksum]);
}

/** Undefined where the message is not one that {@link encodeLetter} wrote. */
export function decodeLetter({ payload, sequence }: KeptMessage): StoredDeadLetter | undefined {
  const end = payload.byteLength - CHECKSUM_BYTES;
  if (end < 0) return undefined;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const written = bytes.subarray(0, end);
  if (crc32(written) !== bytes.readUInt32LE(end)) return undefined;
  const input = new ByteReader(written);
  if (input.uint() !== LAYOUT) return undefined;
  const device = Device.fromBytes(input.raw(2 * ID_BYTES), 0);
  const [timeMs, refusedAtMs, status] = [input.float(), input.float(), input.uint()];
  const isHeldApart = input.uint() === 1;
  const reason = input.text();
  const fragment = Uint8Array.from(input.raw(input.left));
  const letter = { number: sequence, device, timeMs, fragment, status, reason, refusedAtMs };
  return isHeldApart ? { ...letter, isHeldApart } : letter;
}
