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

  /**
   * Takes note of those rows whose key begins so. Also of those that look out of date: a clock that is wrong at a start
   * must not take a token away (contract 1.5).
   */
  load(index: readonly RowEntry[], prefix: string): void {
    for (const { key, keptUntilMs } of index) if (key.startsWith(prefix)) this.#keptUntilMs.set(key, keptUntilMs);
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

  /** Removes every row whose time is over at `nowMs`, which must be by the cloud's clock and not by this machine's. */
  sweep(nowMs: number): void {
    for (const [key, keptUntilMs] of [...this.#keptUntilMs.entries()]) if (keptUntilMs < nowMs) this.remove(key);
  }
}
