import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CloudRoute } from './cloud-faults.js';

/** An answer in the cloud's error shape (`schemas/error.json`), thrown by whoever finds the reason for it. */
export class CloudRefusal extends Error {
  readonly status: number;
  readonly type: string;

  constructor(status: number, type: string, message: string) {
    super(message);
    this.name = 'CloudRefusal';
    this.status = status;
    this.type = type;
  }
}

/** What the cloud has to say. */
export interface CloudAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Answers with JSON. */
export function replyJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

/**
 * Reads a JSON body whole.
 * @throws CloudRefusal 415 for another content type, 413 past `maxBytes`, 400 for what is not JSON
 */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const contentType = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(?:;|$)/i.test(contentType)) {
    throw new CloudRefusal(415, 'UnsupportedMediaType', 'Content-Type must be application/json');
  }
  const bytes = await readBytes(request, maxBytes);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new CloudRefusal(400, 'Validation', 'body is not JSON in UTF-8');
  }
}

function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      // What is still to come is read and dropped, so that the sender gets to see the answer.
      request.removeAllListeners('data').resume();
      reject(new CloudRefusal(413, 'PayloadTooLarge', `body is larger than ${maxBytes} bytes`));
    });
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => reject(new Error('connection closed while the body was read')));
  });
}

const DEVICE_PATH = /^\/applications\/([^/]+)\/devices\/([^/]+?)(?:\/(\w+))?\/?$/;

const NOWHERE: CloudTarget = { route: 'other', call: '', applicationId: '', deviceId: '' };
const ROUTES: ReadonlyMap<string, CloudRoute> = new Map([
  ['GET ', 'device'],
  ['POST state', 'state'],
]);

/** Where a request goes. */
export interface CloudTarget {
  readonly route: CloudRoute;
  /** One of `DEVICE_CALLS`, where it is. */
  readonly call: string;
  readonly applicationId: string;
  readonly deviceId: string;
}

/** What a request is about, by its method and its path without the query. */
export function targetOf(method: string, path: string): CloudTarget {
  if (method === 'POST' && path === '/auth/device') return { ...NOWHERE, route: 'login' };
  const [, applicationId, deviceId, part = ''] = DEVICE_PATH.exec(path) ?? [];
  if (applicationId === undefined || deviceId === undefined) return NOWHERE;
  const call = `${method} ${part}`;
  const ids = { applicationId: applicationId.toLowerCase(), deviceId: deviceId.toLowerCase() };
  return { ...ids, call, route: ROUTES.get(call) ?? 'other' };
}

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
