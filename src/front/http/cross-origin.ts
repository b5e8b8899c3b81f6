import type { HttpRequest, HttpResponse } from 'uws-current';
import { readyText } from './answer-fields.js';
import type { HeadFields } from './head-fields.js';

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
