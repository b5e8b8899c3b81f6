import { STATUS_CODES } from 'node:http';
import type { HttpResponse } from 'uws-current';
import type { StatewayError } from '../../core/errors.js';
import { allowAnyOrigin, readyText } from './answer-fields.js';

const CONTENT_TYPE = readyText('Content-Type');
const JSON_TYPE = readyText('application/json; charset=utf-8');
const SUCCESS_BODY = readyText('{"success":true}');

const statusLines = new Map<number, string>();

/** Status line of an HTTP status, such as `404 Not Found`. */
export function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `${status} ${STATUS_CODES[status] ?? 'Status'}`;
    statusLines.set(status, line);
  }
  return line;
}

/** `200 {"success":true}`. The response must be corked and not aborted; `closes`: the connection ends with it. */
export function writeSuccess(res: HttpResponse, closes: boolean): void {
  allowAnyOrigin(res).writeHeader(CONTENT_TYPE, JSON_TYPE).end(SUCCESS_BODY, closes);
}

/**
 * An error in the cloud's own shape (contract 1.3), to a request that is whole; for others see {@link writeHeldError}.
 * The response must be corked and not aborted. A body that is too large ends the connection, after any other error it
 * serves the next request.
 */
export function writeError(res: HttpResponse, error: StatewayError, closes = false): void {
  const isUnwanted = error.code === 'STATEWAY_BODY_TOO_LARGE';
  writeErrorHead(res, error).end(JSON.stringify(error.toBody()), closes || isUnwanted);
}

/**
 * The same to a client that is still sending. All of the answer leaves, and the connection stays as it is until the
 * caller closes the response: `ArrivingBody.drop` says when. A connection that is closed while bytes of the client lie
 * unread is reset, and the reset overtakes the answer. No other request is served on it: uWebSockets.js takes this one
 * for unanswered, and closes the connection when another comes.
 */
export function writeHeldError(res: HttpResponse, error: StatewayError): void {
  writeErrorHead(res, error).writeHeader('Connection', 'close');
  const body = Buffer.from(JSON.stringify(error.toBody()));
  res.tryEnd(body.subarray(0, -1), body.length);
  res.tryEnd(body.subarray(-1), heldTotal(body.length));
}

/**
 * The total to name with what is left of an answer's body, for uWebSockets.js not to take it for whole. The first call of
 * `tryEnd` writes the total as Content-Length; the later ones only compare.
 */
export function heldTotal(totalBytes: number): number {
  return totalBytes + 1;
}

/**
 * The same as the answer to HEAD, which has no body (RFC 9110 9.3.2): a client would take one for its next answer. The
 * length that GET would have is left out, as may be: told of one, uWebSockets.js 20.30 waits for as many bytes.
 */
export function writeErrorWithoutBody(res: HttpResponse, error: StatewayError, closes = false): void {
  writeErrorHead(res, error);
  // Only with a length can it be told to close, and zero is the one that it does not wait for.
  if (closes) res.endWithoutBody(0, true);
  else res.endWithoutBody();
}

/**
 * Answers a request that has not been answered, after which the connection must end. Not within the request's own
 * handler: uWebSockets.js would go on, forget the end, and serve what the same read brought behind it. A request that
 * comes while the one before has no answer makes it close the connection.
 * @param isGone whether the client is gone by now
 */
export function answerLast(res: HttpResponse, isGone: () => boolean, write: () => void): void {
  setImmediate(() => {
    if (!isGone()) res.cork(write);
  });
}

/**
 * Reads nothing more on the connection of a whole request that is its last and is answered in one piece. A client that
 * ends its own direction behind the request, as `nc -N` does, would otherwise be closed on at once, its answer unwritten:
 * uWebSockets.js knows no half-closed connection.
 */
export function readNoMore(res: HttpResponse): void {
  res.pause();
}

function writeErrorHead(res: HttpResponse, error: StatewayError): HttpResponse {
  res.writeStatus(statusLine(error.status));
  if (error.retryAfterSeconds !== undefined) {
    res.writeHeader('Retry-After', String(error.retryAfterSeconds));
    res.writeHeader('Access-Control-Expose-Headers', 'Retry-After');
  }
  if (error.status === 401) res.writeHeader('WWW-Authenticate', 'Bearer');
  return allowAnyOrigin(res).writeHeader(CONTENT_TYPE, JSON_TYPE);
}
