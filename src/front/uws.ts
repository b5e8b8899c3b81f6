import { createRequire } from 'node:module';
import type * as uWS from 'uws-current';
import type { WebSocket } from 'uws-current';
import { MAX_HEAD_BYTES } from '../core/bounds.js';

export type UwsModule = Pick<typeof uWS, 'App' | 'SSLApp' | 'us_listen_socket_close' | 'us_socket_local_port'>;

/** The native uWebSockets.js that was found, and what to call it in logs and in `stateway_build_info`. */
export interface PickedUws {
  readonly uws: UwsModule;
  readonly name: string;
}

interface Candidate {
  /** Name it is installed under. */
  readonly alias: string;
  /** What is loaded: a file that can only be native code, or a module that throws when it is not. */
  readonly entry: string;
}

/**
 * In order of preference (`docs/architecture.md`, "The web server underneath"): the official package if somebody installed it, then the newer republication,
 * then the older one. Of the older one the native file itself is loaded: its main file falls back to a slow JavaScript
 * imitation where the native one does not load, and that must never serve.
 */
const CANDIDATES: readonly Candidate[] = [
  { alias: 'uWebSockets.js', entry: 'uWebSockets.js' },
  { alias: 'uws-current', entry: 'uws-current' },
  {
    alias: 'uws-compat',
    entry: `uws-compat/binaries/uws_${process.platform}_${process.arch}_${process.versions.modules}.node`,
  },
];

/**
 * Loads the first uWebSockets.js that works natively on this machine.
 * @param load how a module is loaded; replaced in tests
 * @throws Error naming each candidate and why it does not load
 */
export function pickUws(load: (id: string) => unknown = createRequire(import.meta.url)): PickedUws {
  process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(MAX_HEAD_BYTES);
  const reasons: string[] = [];
  for (const { alias, entry } of CANDIDATES) {
    try {
      const uws = load(entry) as UwsModule;
      return { uws, name: nameOf(alias, load) };
    } catch (error) {
      reasons.push(`${alias}: ${firstLine(error)}`);
    }
  }
  throw new Error(`no native uWebSockets.js loads on this machine (${reasons.join('; ')})`);
}

/** Package and version, as its own package.json says; the alias where that cannot be read. */
function nameOf(alias: string, load: (id: string) => unknown): string {
  try {
    const { name, version } = load(packageFile(alias, load)) as { name: string; version: string };
    return `${name}@${version}`;
  } catch {
    return alias;
  }
}

/** Beside the main file, since `exports` of the newer package hides its package.json. */
function packageFile(alias: string, load: (id: string) => unknown): string {
  const resolve = (load as { resolve?: (id: string) => string }).resolve;
  const main = resolve?.(alias) ?? alias;
  const root = main.slice(0, main.lastIndexOf(alias) + alias.length);
  return `${root}/package.json`;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const lines = message.split('\n').filter((line) => line !== '');
  // uWebSockets.js puts the loader's own words, the useful ones, last.
  return (lines.at(-1) ?? message).slice(0, 200);
}

/** A WebSocket as the routes of uWebSockets.js serve it. */
export interface ServedSocket {
  /** Once, when it has opened. */
  open(ws: WebSocket<SocketData>): void;
  /** @param message its memory is the library's again after the call */
  receive(message: ArrayBuffer, isBinary: boolean): void;
  /** Something of what waited to be taken by the other end has left. */
  drained(): void;
  /** Once, when it is gone, whoever closed it; of one that never opened too. */
  closed(): void;
}

/** What uWebSockets.js keeps with a connection: it copies the own properties of this, so that no class may stand here. */
export interface SocketData {
  readonly socket: ServedSocket;
}
