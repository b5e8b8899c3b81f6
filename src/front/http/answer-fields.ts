import type { HttpRequest, HttpResponse } from 'uws-current';
import type { HeadFields } from './head-fields.js';

/** A header of the cloud's answer, but for those that uWebSockets.js writes itself. */
export function writePassedHeader(res: HttpResponse, name: string, value: string): void {
  const lower = name.toLowerCase();
  if (lower !== 'content-length' && lower !== 'date') res.writeHeader(name, asBytes(value));
}

/** Text of one character for each byte, as those bytes. */
export function asBytes(text: string): string | Buffer {
  return /^[\x20-\x7e]*$/.test(text) ? text : Buffer.from(text, 'latin1');
}

/** The value of the first header of that name, given in lower case. */
export function headerOf(
  headers: readonly (readonly [name: string, value: string])[],
  wanted: string,
): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
}

/**
 * Text that stands in every answer, ready for uWebSockets.js: a string it encodes anew each time, into memory that it asks
 * for and gives back. Two fields of a head took 650 ns as strings, and 310 so.
 */
export function readyText(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text)).buffer;
}

/**
 * What lets a page of any origin use the proxy, as it may use the cloud (contract 1.3; Fetch standard, "CORS protocol").
 * Who may do what hangs on a token that the page shows in a field of its own, and never on a cookie: so any may ask.
 */
const METHODS = 'GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS';
/** For so long a browser need not ask again, if it remembers as long as that. */
const REMEMBERED_SECONDS = '86400';
/** Names of fields, separated by commas. */
const FIELD_NAMES = /^[\w!#$%&'*+.^`|~, -]{1,4096}$/;

const ALLOW_ORIGIN = readyText('Access-Control-Allow-Origin');
const ANY = readyText('*');

/** Lets the page that asked read the answer, whoever that is: so it is the same for all, and may be kept by a cache. */
export function allowAnyOrigin(res: HttpResponse): HttpResponse {
  return res.writeHeader(ALLOW_ORIGIN, ANY);
}

/** Whether a browser only asks what a page may ask, which it does without a body. */
export function isPreflight(req: HttpRequest, method: string, { isChunked, contentLength }: HeadFields): boolean {
  if (method !== 'OPTIONS' || isChunked || Number(contentLength) > 0) return false;
  return req.getHeader('origin') !== '' && req.getHeader('access-control-request-method') !== '';
}

/** Allows every method, and the fields that the page wants to send; must be called within the route handler. */
export function answerPreflight(res: HttpResponse, req: HttpRequest): void {
  const fields = req.getHeader('access-control-request-headers');
  allowAnyOrigin(res.writeStatus('204 No Content'))
    .writeHeader('Access-Control-Allow-Methods', METHODS)
    .writeHeader('Access-Control-Max-Age', REMEMBERED_SECONDS)
    .writeHeader('Vary', 'Access-Control-Request-Headers');
  if (FIELD_NAMES.test(fields)) res.writeHeader('Access-Control-Allow-Headers', fields);
  res.endWithoutBody();
}
