import type { IncomingMessage, ServerResponse } from 'node:http';

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
