import { newerRow } from '../lmdb/rows.js';
import type { Rows } from '../lmdb/table.js';

/** Of which database a row in the journal is: the rows of devices, or the values under names. */
export const WATERMARKS = 0;
export const META = 1;

/** A row as it stands in the journal. Of `meta`: the name, and the value as JSON. */
export interface RedoRow {
  readonly table: number;
  readonly key: Buffer;
  readonly value: Buffer;
}

/**
 * Rows that are in the journal and not in LMDB yet, the newest of each: whoever reads a row looks here first. A
 * checkpoint takes them to LMDB. They are found by {@link Device.key} or by the name in `meta`.
 */
export class RedoRows {
  readonly #rows = new Map<string, RedoRow>();

  /** @param logged what was read back, in order */
  constructor(logged: readonly RedoRow[], watermarks: Rows) {
    for (const row of logged) {
      if (row.table === META) this.#rows.set(row.key.toString(), row);
      else if (isNewer(row, watermarks)) this.#rows.set(row.key.toString('hex'), row);
    }
  }

  get count(): number {
    return this.#rows.size;
  }

  get(id: string): Buffer | undefined {
    return this.#rows.get(id)?.value;
  }

  /** The rows of all devices, those in LMDB and those that are newer. */
  *watermarks(database: Rows): Iterable<{ key: Buffer; value: Buffer }> {
    for (const entry of database.getRange({})) {
      if (!this.#rows.has(entry.key.toString('hex'))) yield entry;
    }
    for (const row of this.#rows.values()) if (row.table === WATERMARKS) yield row;
  }

  /** The first rows, `most` at most. */
  first(most: number): [id: string, row: RedoRow][] {
    const rows: [string, RedoRow][] = [];
    for (const entry of this.#rows) {
      if (rows.length === most) break;
      rows.push(entry);
    }
    return rows;
  }

  /** Adds a row. @returns what takes that back */
  put(id: string, row: RedoRow): () => void {
    const before = this.#rows.get(id);
    this.#rows.set(id, row);
    return () => {
      if (this.#rows.get(id) !== row) return;
      if (before === undefined) this.#rows.delete(id);
      else this.#rows.set(id, before);
    };
  }

  /** Takes a row out, in place of which another is on its way to LMDB. @returns what takes that back */
  take(id: string): () => void {
    const taken = this.#rows.get(id);
    this.#rows.delete(id);
    return () => {
      if (taken !== undefined && !this.#rows.has(id)) this.#rows.set(id, taken);
    };
  }

  /** These are in LMDB now: they go, unless there is a newer one. */
  written(rows: readonly [id: string, row: RedoRow][]): void {
    for (const [id, row] of rows) {
      if (this.#rows.get(id) === row) this.#rows.delete(id);
    }
  }
}

/** Whether a row is as new as the one in LMDB, which need not have come there by a checkpoint. */
function isNewer({ key, value }: RedoRow, watermarks: Rows): boolean {
  const stored = watermarks.get(key);
  return stored === undefined || newerRow(key, value, stored) === value;
}
