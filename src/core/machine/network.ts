import { isIP } from 'node:net';

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
