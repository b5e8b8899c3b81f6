import { DIGEST_BYTES, DigestTable } from './digest-table.js';
import type { SealedStore } from './sealed-store.js';

/** Of a MAC in base64url ({@link Sealing.mac}). */
const MAC_CHARACTERS = Math.ceil((DIGEST_BYTES * 4) / 3);

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
  /** Of the last run, not loaded yet. */
  #noted: string[] = [];
  #notedUntilMs: number[] = [];

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
   * Takes note of a row on disk, if it is one of these, for {@link RowKeys.load}. Also of one that looks out of date: a clock
   * that is wrong at a start must not take a token away (contract 1.5).
   * @returns whether it is one of these
   */
  note(key: string, keptUntilMs: number): boolean {
    if (!this.isOne(key)) return false;
    this.#noted.push(key);
    this.#notedUntilMs.push(keptUntilMs);
    return true;
  }

  /** Whether a row is one of these, by its key. */
  isOne(key: string): boolean {
    return key.length === this.#prefix.length + MAC_CHARACTERS && key.startsWith(this.#prefix);
  }

  /** Another process has written a row of these. */
  learn(key: string, keptUntilMs: number): void {
    this.#put(key, keptUntilMs);
  }

  /** Another process has removed a row of these. */
  drop(key: string): void {
    this.#rows.delete(this.#macOf(key));
  }

  /**
   * Knows the rows that were noted, those that are of use longest as the last touched.
   * @returns which of them have not given way, by the number with which they were noted, in this order
   */
  load(): Uint32Array {
    const keys = this.#noted;
    const untilMs = this.#notedUntilMs;
    this.#noted = [];
    this.#notedUntilMs = [];
    const order = Uint32Array.from(keys.keys()).sort((a, b) => rising(untilMs[a] as number, untilMs[b] as number));
    for (const row of order) this.#put(keys[row] as string, untilMs[row] as number);
    return order.subarray(order.length - this.#rows.size);
  }

  /** Rows that there are, those among them that are on their way to disk. */
  get size(): number {
    return this.#rows.size;
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
    this.#mac.write(key.slice(this.#prefix.length), 'base64url');
    return this.#mac;
  }
}

/** Infinity is as long as Infinity. */
function rising(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
