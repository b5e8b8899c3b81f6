import { DIGEST_BYTES, DigestTable } from './digest-table.js';
import type { RowEntry, SealedStore } from './sealed-store.js';

/**
 * Rows of one kind: how many there may be, and how long each is of use. Of a row it holds no more than its key, which is a
 * prefix and a MAC ({@link Sealing.mac}).
 */
export class RowKeys {
  readonly #store: SealedStore;
  readonly #prefix: string;
  /** By MAC: `keptUntilMs`, wall-clock. */
  readonly #rows: DigestTable;
  readonly #mac = Buffer.alloc(DIGEST_BYTES);

  /**
   * @param prefix that their keys begin with, and those of no others
   * @param maxRows the row longest untouched gives way
   */
  constructor(store: SealedStore, prefix: string, maxRows: number) {
    this.#store = store;
    this.#prefix = prefix;
    this.#rows = new DigestTable(maxRows);
  }

  /**
   * Takes note of what is on disk. Also of rows that look out of date: a clock that is wrong at a start must not take a
   * token away (contract 1.5).
   * @param rows those that are of use longest last
   */
  load(rows: Iterable<RowEntry>): void {
    for (const { key, keptUntilMs } of rows) if (this.#keyOf(this.#macOf(key)) === key) this.#put(key, keptUntilMs);
  }

  /** The keys, those longest untouched first. Whoever gets one may remove it and any before it. */
  *[Symbol.iterator](): Iterator<string> {
    for (const [mac] of this.#rows.entries()) yield this.#keyOf(mac);
  }

  has(key: string): boolean {
    return this.#rows.has(this.#macOf(key));
  }

  /** Writes a row; now it is the last touched. `keptUntilMs`: wall-clock. */
  put(key: string, keptUntilMs: number, value: object): void {
    this.#put(key, keptUntilMs);
    this.#store.put(key, keptUntilMs, value);
  }

  /** Removes a row, if it is there. */
  remove(key: string): void {
    if (this.#rows.delete(this.#macOf(key))) this.#store.remove(key);
  }

  /** Removes every row whose time is over at `nowMs`, which must be by the cloud's clock and not by this machine's. */
  sweep(nowMs: number): void {
    for (const [mac, keptUntilMs] of this.#rows.entries()) if (keptUntilMs < nowMs) this.remove(this.#keyOf(mac));
  }

  #put(key: string, keptUntilMs: number): void {
    const gone = this.#rows.put(this.#macOf(key), keptUntilMs);
    if (gone !== undefined) this.#store.remove(this.#keyOf(gone));
  }

  #keyOf(mac: Uint8Array): string {
    return this.#prefix + Buffer.from(mac.buffer, mac.byteOffset, mac.byteLength).toString('base64url');
  }

  /** Good until the next. */
  #macOf(key: string): Buffer {
    this.#mac.fill(0);
    this.#mac.write(key.slice(this.#prefix.length), 'base64url');
    return this.#mac;
  }
}
