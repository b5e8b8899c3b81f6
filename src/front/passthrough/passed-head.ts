import type { HttpRequest } from 'uws-current';
import { StatewayError } from '../../core/errors.js';
import { HOP_BY_HOP, VIA } from '../../core/passed-call.js';
import { queryOf } from '../http/request-head.js';

/** Fields that are written anew: for the cloud's host, and for a body that the proxy frames. */
const WRITTEN_ANEW = new Set(['host', 'content-length', 'expect', 'via', 'x-forwarded-for', 'x-forwarded-proto']);

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII without "#", which starts what no request has. */
const TARGET = /^\/[!"$-~]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not pass
const NOT_IN_A_VALUE = /[\x00-\x08\x0a-\x1f\x7f\ufffd]/;

export interface PassedHead {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/**
 * What goes to the cloud of a request's head: everything, but for what belongs to the connection with the device.
 * `readHead` must have found it in order.
 * @param client address of the device
 * @param scheme how the device spoke to the proxy
 * @throws StatewayError STATEWAY_MALFORMED_REQUEST
 */
export function passedHead(req: HttpRequest, client: string, scheme: 'http' | 'https'): PassedHead {
  const method = req.getCaseSensitiveMethod();
  if (!METHOD.test(method)) throw malformed('the method is not a token');
  const target = targetOf(req);
  if (!TARGET.test(target)) throw malformed('the path and query must be visible ASCII, all else percent-encoded');

  const fields: [name: string, value: string][] = [];
  req.forEach((name, value) => {
    fields.push([name, value]);
  });
  const named = new Set(listed(fields, 'connection').map((option) => option.toLowerCase()));
  const headers: [name: string, value: string][] = [];
  for (const [name, value] of fields) {
    if (HOP_BY_HOP.has(name) || WRITTEN_ANEW.has(name) || named.has(name)) continue;
    headers.push([name, bytesOf(name, value)]);
  }
  const length = fields.find(([name]) => name === 'content-length')?.[1];
  if (length !== undefined) headers.push(['content-length', String(Number(length))]);
  headers.push(['via', [...listed(fields, 'via'), VIA].join(', ')]);
  headers.push(['x-forwarded-for', [...listed(fields, 'x-forwarded-for'), client].join(', ')]);
  const proto = listed(fields, 'x-forwarded-proto');
  headers.push(['x-forwarded-proto', proto.length === 0 ? scheme : proto.join(', ')]);
  return { method, target, headers };
}

/** Newer versions of uWebSockets.js do not tell `/path?` from `/path`, which to servers are the same. */
function targetOf(req: HttpRequest): string {
  const query = queryOf(req);
  return query === '' ? req.getUrl() : `${req.getUrl()}?${query}`;
}

/** The members of a list that may come in several lines (RFC 9110, 5.6.1). */
function listed(fields: readonly (readonly [string, string])[], wanted: string): string[] {
  const lines = fields.filter(([name]) => name === wanted).map(([, value]) => bytesOf(wanted, value));
  return lines.flatMap((line) => line.split(',').map((member) => member.trim())).filter((member) => member !== '');
}

/** uWebSockets.js hands over UTF-8 as text; to the cloud goes one character for each of its bytes, as HTTP has it. */
function bytesOf(name: string, value: string): string {
  if (NOT_IN_A_VALUE.test(value)) throw malformed(`the header ${name} holds a byte that may not stand in a header`);
  return Buffer.from(value, 'utf8').toString('latin1');
}

function malformed(message: string): StatewayError {
  return new StatewayError('STATEWAY_MALFORMED_REQUEST', message);
}
