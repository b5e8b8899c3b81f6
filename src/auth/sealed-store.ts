import type { KeyedStore } from '../core/spool-ports.js';
import type { Clock } from '../core/time/clock.js';
import { keptUntilOf, type Sealing } from './sealing.js';
import { SecretKeyError } from './secret-key.js';

/** How long writes gather before they go to disk together: a crash may lose what was learnt in this time. */
const WRITE_AFTER_MS = 10;

/** A row as it is in memory. */
interface Row {
  readonly keptUntilMs: number;
  readonly value: object;
}

/** After a failure of the disk. */
const RETRY_AFTER_MS = 5_000;
/** Rows that cannot be opened are reported together: where one is, there may be thousands. */
const REPORT_AFTER_MS = 1_000;
/** Rows of one transaction: sealing them takes some milliseconds of the main thread. */
const MAX_ROWS_AT_ONCE = 1_000;

/** The row that says whether the secret key is the one of the others, and what it holds. */
const CHECK_KEY = 'check';
const CHECK_VALUE = 'stateway grants 1';

export interface SealedStoreOptions {
  readonly table: KeyedStore;
  readonly sealing: Sealing;
  readonly clock: Clock;
  /** Told how many rows could not be opened: they are left where they are. */
  readonly onUnreadable: (rows: number) => void;
  /** Told of the first of a row of failures to write. */
  readonly onWriteFailed: (error: unknown) => void;
}

/**
 * Rows on disk, each a JSON object sealed for its own key. Writes are gathered and made off the caller's path; until
 * they are on disk they are read from memory. A newer write of a row takes the place of one that waits, so that no more
 * waits than there are rows.
 */
export class SealedStore {
  readonly #options: SealedStoreOptions;
  /** Rows to be written; undefined: to be removed. */
  #pending = new Map<string, Row | undefined>();
  #beingWritten: ReadonlyMap<string, Row | undefined> = new Map();
  #writing: Promise<boolean> | undefined = undefined;
  #cancelWrite: (() => void) | undefined = undefined;
  #unreadable = 0;
  #cancelReport: (() => void) | undefined = undefined;
  #isFailing = false;
  #isClosed = false;

  /** @throws SecretKeyError when the rows were written under another key */
  constructor(options: SealedStoreOptions) {
    this.#options = options;
    const { table, sealing } = options;
    const check = table.get(CHECK_KEY);
    if (check === undefined && table.isEmpty) this.put(CHECK_KEY, Number.POSITIVE_INFINITY, { value: CHECK_VALUE });
    else if (check === undefined || readCheck(sealing, check) !== CHECK_VALUE) {
      throw new SecretKeyError(
        'the stored grants cannot be opened with this secret key; start with the key they were written under, or remove their directory and have the devices log in again',
      );
    }
  }

  /**
   * Shows every row on disk; to be called before any is written.
   * @param visit `keptUntilMs`: wall-clock time until which it is of use; `sealed` is good until it returns, and can be opened
   *   with {@link SealedStore.open}
   */
  scan(visit: (key: string, keptUntilMs: number, sealed: Uint8Array) => void): void {
    this.#options.table.scan((key, sealed) => {
      if (key === CHECK_KEY) return;
      const keptUntilMs = keptUntilOf(sealed);
      if (keptUntilMs === undefined) this.#noteUnreadable();
      else visit(key, keptUntilMs, sealed);
    });
  }

  /** Whether other processes write rows as well. */
  get isShared(): boolean {
    return this.#options.table.isShared;
  }

  /**
   * Tells of each row that another process writes or removes (`sealed` undefined) from now on. One that this process is
   * about to write itself is passed over: its own comes behind it.
   */
  follow(onChange: (key: string, keptUntilMs: number, sealed: Uint8Array | undefined) => void): void {
    this.#options.table.onChange((key, sealed) => {
      if (key === CHECK_KEY || this.#pending.has(key) || this.#beingWritten.has(key)) return;
      const keptUntilMs = sealed === undefined ? 0 : keptUntilOf(sealed);
      if (keptUntilMs === undefined) this.#noteUnreadable();
      else onChange(key, keptUntilMs, sealed);
    });
  }

  /** What a row on disk holds; undefined where it cannot be opened. */
  open(key: string, sealed: Uint8Array): unknown {
    const plain = this.#options.sealing.open(key, sealed);
    if (plain !== undefined) return JSON.parse(plain);
    this.#noteUnreadable();
    return undefined;
  }

  /** The row, as it was last put; undefined where there is none that can be opened. */
  get(key: string): unknown {
    if (this.#pending.has(key)) return this.#pending.get(key)?.value;
    if (this.#beingWritten.has(key)) return this.#beingWritten.get(key)?.value;
    const sealed = this.#options.table.get(key);
    return sealed === undefined ? undefined : this.open(key, sealed);
  }

  /** Changes of rows that are not on disk yet: a crash may lose them. */
  get unwritten(): number {
    return this.#pending.size + this.#beingWritten.size;
  }

  /**
   * @param keptUntilMs wall-clock time until which the row is of use; Infinity where that has no end
   * @param value what JSON can hold; not to be changed afterwards
   */
  put(key: string, keptUntilMs: number, value: object): void {
    this.#change(key, { keptUntilMs, value });
  }

  remove(key: string): void {
    this.#change(key, undefined);
  }

  /** Writes what waits, then closes the table. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelWrite?.();
    if (this.#unreadable > 0) this.#reportUnreadable();
    await this.#writing;
    while (this.#pending.size > 0 && (await this.#write()));
    await this.#options.table.close();
  }

  #noteUnreadable(): void {
    this.#unreadable++;
    this.#cancelReport ??= this.#options.clock.schedule(REPORT_AFTER_MS, () => this.#reportUnreadable());
  }

  #reportUnreadable(): void {
    this.#cancelReport?.();
    this.#cancelReport = undefined;
    this.#options.onUnreadable(this.#unreadable);
    this.#unreadable = 0;
  }

  #change(key: string, row: Row | undefined): void {
    if (this.#isClosed) return;
    this.#pending.set(key, row);
    this.#scheduleWrite(WRITE_AFTER_MS);
  }

  #scheduleWrite(delayMs: number): void {
    if (this.#isClosed || this.#writing !== undefined || this.#cancelWrite !== undefined) return;
    this.#cancelWrite = this.#options.clock.schedule(delayMs, () => {
      this.#cancelWrite = undefined;
      this.#writing = this.#write().then((succeeded) => {
        this.#writing = undefined;
        if (this.#pending.size > 0) this.#scheduleWrite(succeeded ? 0 : RETRY_AFTER_MS);
        return succeeded;
      });
    });
  }

  /** Writes up to {@link MAX_ROWS_AT_ONCE} of the rows that wait; false when the disk did not take them. */
  async #write(): Promise<boolean> {
    const batch = takeFirst(this.#pending, MAX_ROWS_AT_ONCE);
    this.#beingWritten = batch;
    try {
      await Promise.all(Array.from(batch, ([key, row]) => this.#writeRow(key, row)));
      this.#isFailing = false;
      return true;
    } catch (error) {
      // What has changed since is newer than what was not written.
      this.#pending = new Map([...batch, ...this.#pending]);
      if (!this.#isFailing) this.#options.onWriteFailed(error);
      this.#isFailing = true;
      return false;
    } finally {
      this.#beingWritten = new Map();
    }
  }

  #writeRow(key: string, row: Row | undefined): Promise<void> {
    const { table, sealing } = this.#options;
    if (row === undefined) return table.remove(key);
    return table.put(key, sealing.seal(key, row.keptUntilMs, JSON.stringify(row.value)));
  }
}

function readCheck(sealing: Sealing, sealed: Uint8Array): string | undefined {
  const plain = sealing.open(CHECK_KEY, sealed);
  return plain === undefined ? undefined : (JSON.parse(plain) as { value: string }).value;
}

function takeFirst<K, V>(map: Map<K, V>, count: number): Map<K, V> {
  const taken = new Map<K, V>();
  for (const [key, value] of map) {
    if (taken.size === count) break;
    taken.set(key, value);
    map.delete(key);
  }
  return taken;
}
