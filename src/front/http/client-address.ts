import type { HttpResponse } from 'uws-current';
import type { Asker } from '../../core/auth-ports.js';
import { networkOf } from '../../core/machine/network.js';

/** The first twelve bytes of an IPv6 address that stands for an IPv4 one (RFC 4291, 2.5.5.2). */
const MAPPED_PREFIX = '00000000000000000000ffff';

/** Who a connection is, for what is shared out by address. */
export function askerOf(res: HttpResponse): Asker {
  return { address: networkOf(clientAddress(res.getRemoteAddress())) };
}

/** Of a connection that is open, for people. */
export function addressOf(res: HttpResponse): string {
  return clientAddress(res.getRemoteAddress());
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
