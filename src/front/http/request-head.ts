import type { HttpRequest } from 'uws-current';
import { STALLED_AFTER_MS } from '../../core/bounds.js';
import { isId } from '../../core/device.js';
import { StatewayError } from '../../core/errors.js';
import type { Encoding } from '../../core/ports.js';
import { isBearerToken } from '../../core/token.js';

/**
 * The bearer token of an `Authorization` header (RFC 6750 2.1; the scheme's case does not count).
 * @throws StatewayError Unauthorized when there is none
 */
export function bearerToken(authorization: string): string {
  // Most devices write it exactly so; the general form is left to the slow path.
  if (authorization.startsWith('Bearer ') && authorization.length > 7 && !authorization.includes(' ', 7)) {
    return authorization.slice(7);
  }
  const match = /^bearer +(\S+)\s*$/i.exec(authorization);
  if (match !== null) return match[1] as string;
  throw new StatewayError(
    'STATEWAY_TOKEN_MISSING',
    authorization === ''
      ? 'the Authorization header is missing; send "Authorization: Bearer <token>"'
      : 'the Authorization header is not of the form "Bearer <token>"',
  );
}

/**
 * Not for a token with a grant, which is known to be one.
 * @throws StatewayError Unauthorized for a token that no header could carry to the cloud
 */
export function assertToken(token: string): void {
  if (isBearerToken(token)) return;
  throw new StatewayError(
    'STATEWAY_TOKEN_MALFORMED',
    'the token cannot stand in a header: it must be visible ASCII characters without blanks or line breaks',
  );
}

const MSGPACK_TYPES = new Set(['application/msgpack', 'application/x-msgpack', 'application/vnd.msgpack']);

/**
 * How a body is written, by its `Content-Type`; none at all counts as JSON, as simple firmware leaves it out.
 * @throws StatewayError UnsupportedMediaType
 */
export function encodingOf(contentType: string): Encoding {
  if (contentType === 'application/json' || contentType === '') return 'json';
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  const mediaType = type.trim();
  if (MSGPACK_TYPES.has(mediaType)) return 'msgpack';
  if (mediaType === 'application/json' && parameters.every(isUtf8Parameter)) return 'json';
  throw new StatewayError(
    'STATEWAY_CONTENT_TYPE',
    'the Content-Type must be application/json (in UTF-8) or application/msgpack',
  );
}

function isUtf8Parameter(parameter: string): boolean {
  const [name = '', value = ''] = parameter.trim().split('=');
  return name !== 'charset' || /^"?utf-?8"?$/.test(value.trim());
}

/** @throws StatewayError UnsupportedMediaType for a compressed body: devices' states are too small to gain by it. */
export function assertNotCompressed(contentEncoding: string): void {
  if (contentEncoding === '' || contentEncoding.toLowerCase() === 'identity') return;
  throw new StatewayError('STATEWAY_CONTENT_ENCODING', 'the body must not be compressed: leave Content-Encoding out');
}

/** @throws StatewayError Validation naming which id of the path is malformed. */
export function assertIds(applicationId: string, deviceId?: string): void {
  if (!isId(applicationId)) throw invalidId('application');
  if (deviceId !== undefined && !isId(deviceId)) throw invalidId('device');
}

function invalidId(what: string): StatewayError {
  return new StatewayError('STATEWAY_INVALID_ID', `the ${what} id in the path must be 24 hexadecimal digits`);
}

/** The raw query string, '' when there is none: the older uWebSockets.js says undefined then. */
export function queryOf(req: HttpRequest): string {
  return req.getQuery() ?? '';
}

/** The `token` parameter of a raw query string, for clients that cannot set headers; '' when there is none. */
export function tokenOfQuery(query: string): string {
  return new URLSearchParams(query).get('token') ?? '';
}

/** @throws StatewayError PayloadTooLarge */
export function bodyTooLarge(maxBodyBytes: number): StatewayError {
  return new StatewayError('STATEWAY_BODY_TOO_LARGE', `the body is larger than ${maxBodyBytes} bytes`);
}

/** A body of which nothing came any more. */
export function bodyStalled(): StatewayError {
  return new StatewayError(
    'STATEWAY_BODY_STALLED',
    `nothing more of the body came for ${STALLED_AFTER_MS / 1000} s; send the request again, whole`,
  );
}
