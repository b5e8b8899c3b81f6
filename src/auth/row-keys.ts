import { LRUCache } from 'lru-cache';
import type { RowEntry, SealedStore } from './sealed-store.js';

/** Rows of one kind: how many there may be, and how long each is of use. Holds their keys alone. */
export class RowKeys {
  readonly #keptUntilMs: LRUCache<string, number>;
  readonly #store: SealedStore;

  /** @param maxRows the row longest untouched gives way */
  constructor(store: SealedStore, maxRows: number) {
    this.#store = store;
    this.#keptUntilMs = new LRUCache({
      max: maxRows,
      dispose: (_value, key, why) => {
        if (why === 'evict') store.remove(key);
      },
    });
  }

  /** Takes note of those rows whose key begins so, as far as they are of use at wall-clock time `nowMs`. */
  load(index: readonly RowEntry[], prefix: string, nowMs: number): void {
    for (const { key, keptUntilMs } of index) {
      if (!key.startsWith(prefix)) continue;
      if (keptUntilMs < nowMs) this.#store.remove(key);
      else this.#keptUntilMs.set(key, keptUntilMs);
    }
  }

  /** The keys, those longest untouched first. */
  *[Symbol.iterator](): Iterator<string> {
    yield* this.#keptUntilMs.rkeys();
  }

  has(key: string): boolean {
    return this.#keptUntilMs.has(key);
  }

  /** Writes a row; now it is the last touched. `keptUntilMs`: wall-clock. */
  put(key: string, keptUntilMs: number, value: object): void {
    this.#keptUntilMs.set(key, keptUntilMs);
    this.#store.put(key, keptUntilMs, value);
  }

  /** Removes a row, if it is there. */
  remove(key: string): void {
    if (this.#keptUntilMs.delete(key)) this.#store.remove(key);
  }

  /** Removes every row whose time is over at wall-clock time `nowMs`. */
  sweep(nowMs: number): void {
    for (const [key, keptUntilMs] of [...this.#keptUntilMs.entries()]) if (keptUntilMs < nowMs) this.remove(key);
  }
}
