import type { WriterRow } from '../ledger/changes.js';

/** A writer that had nothing stored for so long, while others had, has none of its messages on its way any more. */
const WRITER_KEPT_MS = 3_600_000;

/** What is kept in memory of a record that was read. */
export interface OpenRecord extends WriterRow {
  readonly bytes: number;
  /** Chunks whose device has states of it left to settle. */
  openChunks: number;
}

/**
 * The records of a partition that were read, from the first with an open chunk on: a few figures each, no data. Where the
 * first stands is the cursor: what is before it need never be read again.
 */
export class OpenRecords {
  /** In order; those that are settled whole are passed when they are first. */
  readonly #records = new Map<number, OpenRecord>();
  /** Before the cursor. */
  readonly #writers = new Map<string, WriterRow>();
  /** Of them, those that have moved since the last entry. */
  readonly #moved = new Set<string>();
  #cursor: number;
  #bytes = 0;
  #states = 0;

  /** @param writers their last records before the cursor */
  constructor(cursor: number, writers: Iterable<WriterRow>) {
    this.#cursor = cursor;
    for (const row of writers) this.#writers.set(row.writer, row);
  }

  /** Sequence of the first record with an open chunk, or behind the last that was read. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Of the records with an open chunk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Not settled. */
  get states(): number {
    return this.#states;
  }

  get oldestStoredAtMs(): number | undefined {
    for (const record of this.#records.values()) return record.storedAtMs;
    return undefined;
  }

  /** The last record of each writer before the cursor. Those that are gone are forgotten: by the times in the log, which may be days behind. */
  writers(): WriterRow[] {
    const latestMs = Math.max(...[...this.#writers.values()].map(({ storedAtMs }) => storedAtMs));
    for (const [writer, { storedAtMs }] of this.#writers) {
      if (storedAtMs < latestMs - WRITER_KEPT_MS) this.#writers.delete(writer);
    }
    return [...this.#writers.values()];
  }

  /** The cursor, and the writers that it has passed since this was asked for last: both are written in one entry. */
  sinceLastEntry(): { readonly cursor: number; readonly writers: readonly WriterRow[] } {
    const writers = [...this.#moved].map((writer) => this.#writers.get(writer)).filter((row) => row !== undefined);
    this.#moved.clear();
    return { cursor: this.#cursor, writers };
  }

  /** A record was read. */
  add(sequence: number, record: OpenRecord, openStates: number): void {
    this.#records.set(sequence, record);
    if (record.openChunks > 0) this.#bytes += record.bytes;
    this.#states += openStates;
    this.#advance();
  }

  settleStates(states: number): void {
    this.#states -= states;
  }

  /** A device has nothing left to settle of a record. */
  closeChunk(sequence: number): void {
    const record = this.#records.get(sequence);
    if (record === undefined || record.openChunks === 0) return;
    record.openChunks--;
    if (record.openChunks > 0) return;
    this.#bytes -= record.bytes;
    this.#advance();
  }

  #advance(): void {
    for (const [sequence, { writer, counter, storedAtMs, openChunks }] of this.#records) {
      if (openChunks > 0) {
        this.#cursor = sequence;
        return;
      }
      this.#writers.set(writer, { writer, counter, storedAtMs });
      this.#moved.add(writer);
      this.#records.delete(sequence);
      this.#cursor = sequence + 1;
    }
  }
}
