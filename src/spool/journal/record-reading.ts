import type { Reading, ReadRecord, StoredRecord } from '../../core/spool-ports.js';

/**
 * Hands records to the one who reads them: those that the last run left at once; those that are committed at the end of the
 * event-loop turn in which they were, so that devices are answered and the next commit is begun before (docs/architecture.md).
 * No more waits here than one turn brings, unless the reader pauses. Paused until the first {@link RecordReading.resume}.
 */
export class RecordReading implements Reading {
  readonly caughtUp: Promise<void>;
  readonly #left: Iterator<StoredRecord>;
  readonly #onRecord: (record: ReadRecord) => void;
  #committed: ReadRecord[] = [];
  #lastRead = 0;
  #leftRecords = 0;
  #isCaughtUp = false;
  #isPaused = true;
  #isTurnPlanned = false;
  #catchUp: () => void = () => {};
  readonly #endTurn = (): void => {
    this.#isTurnPlanned = false;
    this.#handOver();
  };

  /** @param left what the last run left, in order */
  constructor(left: Iterable<StoredRecord>, onRecord: (record: ReadRecord) => void) {
    this.#left = left[Symbol.iterator]();
    this.#onRecord = onRecord;
    this.caughtUp = new Promise((resolve) => {
      this.#catchUp = resolve;
    });
  }

  /** As {@link OwnedSpool.lastRead}. */
  get lastRead(): number {
    return this.#lastRead;
  }

  /** Of what the last run left, the records that were handed over. */
  get leftRecords(): number {
    return this.#leftRecords;
  }

  /** A record is on stable storage; to be called in order. */
  add(record: ReadRecord): void {
    this.#committed.push(record);
    if (this.#isTurnPlanned || this.#isPaused) return;
    this.#isTurnPlanned = true;
    setImmediate(this.#endTurn);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#handOver();
  }

  #handOver(): void {
    if (!this.#isCaughtUp) this.#handOverLeft();
    const committed = this.#committed;
    this.#committed = [];
    let done = 0;
    while (done < committed.length && !this.#isPaused) this.#hand(committed[done++] as ReadRecord);
    if (done < committed.length) this.#committed = [...committed.slice(done), ...this.#committed];
  }

  #handOverLeft(): void {
    while (!this.#isPaused) {
      const next = this.#left.next();
      if (next.done === true) {
        this.#isCaughtUp = true;
        this.#catchUp();
        return;
      }
      this.#leftRecords++;
      this.#hand({ ...next.value, grants: undefined });
    }
  }

  #hand(record: ReadRecord): void {
    this.#onRecord(record);
    this.#lastRead = record.sequence;
  }
}
