import { crc32 } from 'node:zlib';
import type { Database, Key, RangeOptions } from 'lmdb';
import { spoolError } from './failed-commit.js';

/** The databases with rows of bytes under keys of bytes. `meta` beside them holds JSON under names. */
export type Rows = Table<Buffer, Buffer>;
export type MetaRows = Table<unknown, string>;

/**
 * A database of an LMDB environment that may be opened anew underneath: after a commit has failed, LMDB's own handles are of
 * no use any more (`environment.ts`). In between, every call throws.
 */
export class Table<V, K extends Key> {
  #database: Database<V, K> | undefined;

  constructor(database: Database<V, K>) {
    this.#database = database;
  }

  attach(database: Database<V, K>): void {
    this.#database = database;
  }

  detach(): void {
    this.#database = undefined;
  }

  get(key: K): V | undefined {
    return this.#opened.get(key);
  }

  put(key: K, value: V): Promise<boolean> {
    return this.#opened.put(key, value);
  }

  /** Resolves as well where there is no such row. */
  remove(key: K): Promise<boolean> {
    return this.#opened.remove(key);
  }

  doesExist(key: K): boolean {
    return this.#opened.doesExist(key);
  }

  /** To be run through in one go. */
  getRange(options: RangeOptions): Iterable<{ key: K; value: V }> {
    return this.#opened.getRange(options);
  }

  /** To be run through in one go. */
  getKeys(options: RangeOptions): Iterable<K> {
    return this.#opened.getKeys(options);
  }

  getKeysCount(options?: RangeOptions): number {
    return this.#opened.getKeysCount(options);
  }

  /** The next read sees what is committed by now, and not the snapshot of this event-loop turn. */
  resetReadTxn(): void {
    this.#opened.resetReadTxn();
  }

  /** What LMDB tells of the tree (`disk-room.ts`). */
  getStats(): object {
    return this.#opened.getStats();
  }

  get #opened(): Database<V, K> {
    if (this.#database === undefined) throw spoolError(false);
    return this.#database;
  }
}

/** How a value stands in the database `meta`: as JSON text under a CRC-32. */
export interface SealedJson {
  readonly json: string;
  readonly checksum: number;
}

/** What cannot be read. */
export const DAMAGED = Symbol('damaged');

export function sealJson(value: unknown): SealedJson {
  const json = JSON.stringify(value);
  return { json, checksum: crc32(json) };
}

/** The value under a name in `meta`; undefined where there is none. */
export function readSealedJson(meta: MetaRows, name: string): unknown {
  try {
    return openJson(meta.get(name));
  } catch {
    return DAMAGED;
  }
}

/** What {@link sealJson} was given; undefined for undefined. */
export function openJson(row: unknown): unknown {
  if (row === undefined) return undefined;
  const { json, checksum } = (row ?? {}) as Partial<SealedJson>;
  return typeof json === 'string' && crc32(json) === checksum ? JSON.parse(json) : DAMAGED;
}
