import { STATUS_CODES } from 'node:http';
import type { HttpResponse } from 'uws-current';
import type { StatewayError } from '../core/errors.js';

const JSON_TYPE = 'application/json; charset=utf-8';
const SUCCESS_BODY = '{"success":true}';

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

/** `200 {"success":true}`. The response must be corked and not aborted. */
export function writeSuccess(res: HttpResponse): void {
  res.writeHeader('Content-Type', JSON_TYPE).end(SUCCESS_BODY);
}

/**
 * An error in the cloud's own shape (DESIGN 1.3). The response must be corked and not aborted.
 * @param closes whether the connection ends with it, because what the client still sends is not wanted
 */
export function writeError(res: HttpResponse, error: StatewayError, closes = false): void {
  res.writeStatus(statusLine(error.status));
  if (error.retryAfterSeconds !== undefined) res.writeHeader('Retry-After', String(error.retryAfterSeconds));
  if (error.status === 401) res.writeHeader('WWW-Authenticate', 'Bearer');
  res.writeHeader('Content-Type', JSON_TYPE).end(JSON.stringify(error.toBody()), closes);
}
