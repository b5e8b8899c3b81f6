import type { IncomingHttpHeaders } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import type { CloudDate, CloudFailure } from '../core/cloud-port.js';
import { cloudErrorOf, jsonObjectOf } from '../core/cloud-shapes.js';
import type { ExchangeResult } from './exchange.js';

/** What may come of a coded body. The largest of the cloud's are kept up to this size uncoded as well. */
const MAX_DECODED_BYTES = 2_097_152;
const MAX_MESSAGE_CHARACTERS = 1_000;
/** A type and a host are shown to people; they are a stranger's words. */
const MEDIA_TYPE = /^[\w.+-]{1,40}\/[\w.+-]{1,60}/;
const HOST = /^[\w.:[\]-]{1,100}$/;
/** The date form that is sent (RFC 9110, 5.6.7). */
const DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), /;

type Members = Readonly<Record<string, unknown>>;
type Answer = Extract<ExchangeResult, { kind: 'answer' }>;

/** Reads a yes to what was asked, of a status from 200 to 299; undefined when the answer is none. */
export type ReadYes<T> = (members: Members, status: number) => T | undefined;

/** An answer that counts. */
export interface Word<T> {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** As it was before it was coded; empty where the coding is not known. */
  readonly body: Buffer;
  /** Undefined unless the answer is a yes. */
  readonly yes: T | undefined;
  /** `message` of the cloud's error, cut; empty where there is none. */
  readonly message: string;
  /** Whether the answer has the cloud's shape. False only with 429, and from 500 on. */
  readonly isCloudsOwn: boolean;
  /** Undefined when the answer is not the cloud's own. */
  readonly cloudDate: CloudDate | undefined;
}

/**
 * The one place where an answer is judged to be the cloud's or not (contract 1.4, 1.5). A yes is a 2xx that brings what
 * was asked for; a no is a 4xx with the cloud's error in it. All else is as good as no connection: a portal's page, a
 * redirect, 407 and 511, and what broke off before its object ended, since half of one has no shape.
 *
 * Two kinds need no shape. From 500 on an answer says of itself that it settles nothing, whoever sends it. And a 429 is
 * obeyed as well where a balancer before the cloud says it: whoever waits loses nothing.
 */
export function wordOf<T>(answer: Answer, readYes: ReadYes<T>): Word<T> | CloudFailure {
  const { status, headers, brokenBy, sentMs, heardMs } = answer;
  if (status === 407) return failure('proxy', 'the proxy wants credentials (407)', status);
  if (status < 200 || (status >= 300 && status < 400) || status === 511) return stranger(answer);
  const body = decoded(answer.body, firstOf(headers['content-encoding']), MAX_DECODED_BYTES);
  const members = body === undefined ? undefined : jsonObjectOf(body);
  const isError = status >= 400 && members !== undefined;
  const yes = members !== undefined && status < 300 ? readYes(members, status) : undefined;
  const isCloudsOwn = yes !== undefined || (isError && cloudErrorOf(members) !== undefined);
  if (!isCloudsOwn && status < 500 && status !== 429) {
    return brokenBy === undefined
      ? stranger(answer)
      : failure(brokenBy.reason, `the answer (${status}) broke off: ${brokenBy.words}`, status);
  }
  return {
    kind: 'answer',
    status,
    headers,
    body: body ?? Buffer.alloc(0),
    yes,
    message: isError && typeof members.message === 'string' ? members.message.slice(0, MAX_MESSAGE_CHARACTERS) : '',
    isCloudsOwn,
    cloudDate: isCloudsOwn ? { dateMs: dateMs(headers), sentMs, heardMs } : undefined,
  };
}

/** undici gives a header that came twice as an array, whatever its type says. */
export function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Wall-clock milliseconds, whole seconds, of an answer's `Date`; undefined without one that can be read. */
export function dateMs(headers: IncomingHttpHeaders): number | undefined {
  const text = firstOf(headers.date);
  if (text === undefined || !DATE.test(text)) return undefined;
  const parsedMs = Date.parse(text);
  return Number.isNaN(parsedMs) ? undefined : parsedMs;
}

/** Names what answered by its head alone: a page may hold anything. */
function stranger({ status, headers }: Answer): CloudFailure {
  const mediaType = MEDIA_TYPE.exec(firstOf(headers['content-type']) ?? '')?.[0];
  const host = hostOf(firstOf(headers.location));
  const marks = [String(status), mediaType, host && `to ${host}`].filter((mark) => mark !== undefined);
  return failure('not_the_cloud', `the answer (${marks.join(', ')}) is not the cloud's`, status);
}

function hostOf(location: string | undefined): string | undefined {
  if (location === undefined || !URL.canParse(location)) return undefined;
  const { host } = new URL(location);
  return HOST.test(host) ? host : undefined;
}

function failure(reason: CloudFailure['reason'], words: string, status: number): CloudFailure {
  return { kind: 'failure', reason, words, code: String(status) };
}

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
