import type { IncomingMessage } from 'node:http';
import { StatewayError } from '../core/errors.js';

/** An answer of the admin side before it is written. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  /** Pieces of a long one are written as they come, no faster than they are read. */
  readonly body: string | Buffer | AsyncIterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Of every answer in JSON. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** `value` as JSON, on a line of its own. */
export function jsonReply(status: number, value: unknown): Reply {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

/** What a path is asked with. */
export interface Asked {
  readonly query: URLSearchParams;
  /** What stands in the path where the table has `{name}`, in order; decoded, and a stranger's words. */
  readonly parts: readonly string[];
  readonly request: IncomingMessage;
}

export type Handler = (asked: Asked) => Reply | Promise<Reply>;

/** By method; what answers GET answers HEAD. */
export type Handlers = Partial<Readonly<Record<'GET' | 'POST', Handler>>>;

/** What is served, by path; `{name}` in one stands for a part of it that may be anything. */
export type RouteTable = Readonly<Record<string, Handlers>>;

/** A path that is served. */
export interface FoundRoute {
  readonly handlers: Handlers;
  readonly parts: readonly string[];
}

/** The paths of the admin side. */
export class Routes {
  /** As the table has them. */
  readonly paths: readonly string[];
  readonly #rows: readonly { readonly pattern: RegExp; readonly handlers: Handlers }[];

  constructor(table: RouteTable) {
    this.paths = Object.keys(table);
    this.#rows = Object.entries(table).map(([path, handlers]) => ({
      pattern: new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '([^/]+)')}$`),
      handlers,
    }));
  }

  find(path: string): FoundRoute | undefined {
    for (const { pattern, handlers } of this.#rows) {
      const match = pattern.exec(path);
      if (match !== null) return { handlers, parts: match.slice(1).map(decoded) };
    }
    return undefined;
  }
}

/** The methods that a path takes. */
export function methodsOf(handlers: Handlers): string[] {
  return Object.keys(handlers).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Percent signs that encode nothing stand for themselves: no id has any.
    return part;
  }
}

/** Of a form with a few fields. */
const MAX_FORM_BYTES = 4_096;

/**
 * The fields of a form. What comes behind too much is read and dropped, for as long as a request may take: to be cut off
 * tells nobody why.
 * @throws StatewayError STATEWAY_BODY_TOO_LARGE
 */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const text = await new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= MAX_FORM_BYTES) chunks.push(chunk);
      else reject(new StatewayError('STATEWAY_BODY_TOO_LARGE', `The form has at most ${MAX_FORM_BYTES} bytes`));
    });
    request.once('end', () => resolve(Buffer.concat(chunks).toString()));
    request.once('error', reject);
  });
  return new URLSearchParams(text);
}
