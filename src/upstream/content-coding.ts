import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

/** By the names of RFC 9110, 8.4.1. */
const DECODERS: ReadonlyMap<string, (body: Uint8Array, options: { maxOutputLength: number }) => Buffer> = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
]);

/**
 * The body of an answer as it was before it was coded: none is asked for, yet one that stands between may code all the
 * same. Undefined when it cannot be decoded, or takes more than `maxBytes`.
 * @param coding `Content-Encoding`, if the answer has one
 */
export function decoded(body: Buffer, coding: string | undefined, maxBytes: number): Buffer | undefined {
  if (coding === undefined || coding === '' || coding.toLowerCase() === 'identity') return body;
  const decode = DECODERS.get(coding.trim().toLowerCase());
  if (decode === undefined) return undefined;
  try {
    return decode(body, { maxOutputLength: maxBytes });
  } catch {
    return undefined;
  }
}

/** Whether {@link decoded} reads it; `identity` included. */
export function isKnownCoding(coding: string): boolean {
  return DECODERS.has(coding.toLowerCase()) || coding.toLowerCase() === 'identity';
}
