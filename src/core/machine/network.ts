import { isIP } from 'node:net';
import type { Asker } from '../auth-ports.js';

/**
 * What counts as one address where something is shared out by address: of IPv6 the first 64 bits, since who has one
 * address of a network there has all of them (RFC 4291, 2.5.1). What is no address stays as it is.
 */
export function networkOf(address = ''): string {
  const text = address.replace(/%.*$/, '');
  if (isIP(text) !== 6) return text;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = text.split('::', 2);
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups =
    tail === undefined ? first : [...first, ...Array(Math.max(0, 8 - first.length - last.length)).fill('0'), ...last];
  return groups.slice(0, 4).join(':').toLowerCase();
}

/** A connection that tells its other end as uWebSockets.js does: 4 or 16 bytes, none when it is gone. */
interface RemoteSocket {
  getRemoteAddress(): ArrayBuffer;
}

/** The first twelve bytes of an IPv6 address that stands for an IPv4 one (RFC 4291, 2.5.5.2). */
const MAPPED_PREFIX = '00000000000000000000ffff';

/** Who a connection is, for what is shared out by address. */
export function askerOf(socket: RemoteSocket): Asker {
  return { address: networkOf(clientAddress(socket.getRemoteAddress())) };
}

/** Of a connection that is open, for people. */
export function addressOf(socket: RemoteSocket): string {
  return clientAddress(socket.getRemoteAddress());
}

/** The text of an address of 4 or 16 bytes; '' for none, as of a connection that is gone. */
export function clientAddress(binary: ArrayBuffer): string {
  const bytes = Buffer.from(binary);
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return '';
  if (bytes.toString('hex', 0, 12) === MAPPED_PREFIX) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return groups.join(':');
}
