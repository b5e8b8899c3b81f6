import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * What lets a page of any origin use the cloud: its clients run in browsers too, and show a token in a field of its own
 * and never a cookie, so that any origin may be allowed (Fetch standard, "CORS protocol").
 */
const METHODS = 'GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS';
const REMEMBERED_SECONDS = 86_400;

/** Lets the page that asked read the answer, whatever it will be. */
export function allowOrigins(response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', '*');
}

/** Whether a browser only asks what it may ask. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && 'access-control-request-method' in headers;
}

/** Allows every method, and the fields that the page wants to send. */
export function replyPreflight(request: IncomingMessage, response: ServerResponse): void {
  const fields = request.headers['access-control-request-headers'];
  response.writeHead(204, {
    'access-control-allow-methods': METHODS,
    'access-control-max-age': String(REMEMBERED_SECONDS),
    vary: 'Access-Control-Request-Headers',
    ...(fields === undefined ? {} : { 'access-control-allow-headers': fields }),
  });
  response.end();
}
