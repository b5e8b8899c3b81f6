import type { IncomingMessage } from 'node:http';
import type { Reply } from './admin-reply.js';

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
