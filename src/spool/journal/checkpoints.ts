import { type Change, changeOf } from '../lmdb/commit-writer.js';
import type { Environment } from '../lmdb/environment.js';
import { FLOORS_KEY } from '../lmdb/numbering.js';
import { writeManifest } from '../lmdb/rows.js';
import type { Checkpoint } from '../segments/manifest.js';
import type { SegmentLog } from '../segments/segment-log.js';
import { META, type RedoRow, type RedoRows } from './redo-rows.js';

/** Rows of one transaction: with more, the main thread would stand still, and a full disk would have no room for LMDB's. */
const ROWS_AT_ONCE = 500;
/** So many rows that wait are taken to LMDB, whether or not the journal needs its space. */
const MOST_ROWS = 10_000;

export interface CheckpointParts {
  readonly environment: Environment;
  readonly log: SegmentLog;
  readonly redo: RedoRows;
  /** Writes down which numbers were given out. */
  readonly floors: () => Change;
  readonly commit: (changes: readonly Change[]) => Promise<void>;
}

/**
 * Writes rows to the journal, and takes them to LMDB when the journal needs the space in which they stand, or when they
 * have become many. What a checkpoint says of the segments holds from its commit on: then those that it says are free may
 * be written over.
 */
export class Checkpoints {
  readonly #parts: CheckpointParts;
  #running: Promise<void> | undefined = undefined;
  /** Whether another one was asked for while one was being made: that may not know of what is wanted. */
  #isWanted = false;

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
  }

  /** Writes a row to the journal; resolves when it is on stable storage. @param id as {@link RedoRows} has it */
  async note(id: string, row: RedoRow): Promise<void> {
    const { log, redo } = this.#parts;
    const undo = redo.put(id, row);
    if (redo.count > MOST_ROWS && this.#running === undefined) this.request();
    try {
      await log.note(row.table, row.key, row.value);
    } catch (error) {
      undo();
      throw error;
    }
  }

  /** Makes a checkpoint, at once or when the one that is being made is over. One that fails is asked for again. */
  request(): void {
    if (this.#running === undefined) this.#start().catch(() => {});
    else this.#isWanted = true;
  }

  /** Makes a checkpoint that knows of everything there is now. */
  async make(): Promise<void> {
    await this.ended();
    await this.#start();
  }

  /** Resolves when none is being made. */
  async ended(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => {});
  }

  #start(): Promise<void> {
    this.#isWanted = false;
    const running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isWanted) this.request();
    });
    this.#running = running;
    return running;
  }

  async #run(): Promise<void> {
    const { commit, log, redo } = this.#parts;
    const checkpoint = log.checkpoint();
    try {
      // What waits by now stands up to its position; more may come meanwhile.
      for (let left = redo.count; left > ROWS_AT_ONCE; left -= ROWS_AT_ONCE) await commit([this.#rows(ROWS_AT_ONCE)]);
      await commit([this.#rows(Number.POSITIVE_INFINITY), this.#manifest(checkpoint)]);
    } catch (error) {
      checkpoint.failed();
      throw error;
    }
    checkpoint.committed();
  }

  /** Takes the first rows to LMDB. */
  #rows(most: number): Change {
    const { redo } = this.#parts;
    let rows: [string, RedoRow][] = [];
    return {
      write: () => {
        rows = redo.first(most);
        return this.#put(rows);
      },
      committed: () => redo.written(rows),
      failed: () => {},
    };
  }

  #manifest({ manifest }: Checkpoint): Change {
    const { environment, floors } = this.#parts;
    return changeOf(() => [writeManifest(environment.meta, manifest), ...floors().write()]);
  }

  #put(rows: readonly [string, RedoRow][]): Promise<boolean>[] {
    const { meta, watermarks } = this.#parts.environment;
    return rows.flatMap(([id, { table, key, value }]) => {
      if (table !== META) return watermarks.put(key, value);
      // They are written as they are by then: LMDB may know of numbers that are higher than in this row.
      return id === FLOORS_KEY ? [] : meta.put(id, JSON.parse(value.toString()));
    });
  }
}
