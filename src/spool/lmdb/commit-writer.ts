import type { DiskHealth } from '../disk/disk-health.js';
import type { DiskReserve } from '../disk/disk-room.js';
import type { CommitGate } from './commit-gate.js';
import { commitErrorOf, isDiskFull, spoolError } from './failed-commit.js';

/** One part of a transaction, with what memory has to follow. */
export interface Change {
  /** Queues its writes: all of one event-loop turn are one transaction. */
  write(): Promise<unknown>[];
  /** Everything is on stable storage. */
  committed(): void;
  /** Nothing is. */
  failed(): void;
}

/** A change that memory does not have to follow. */
export function changeOf(write: () => Promise<unknown>[]): Change {
  return { write, committed: () => {}, failed: () => {} };
}

/** What takes changes to disk, all or nothing. */
export class CommitWriter {
  readonly #directory: string;
  readonly #reserve: DiskReserve;
  readonly #gate: CommitGate;
  readonly #disk: DiskHealth;

  constructor(directory: string, reserve: DiskReserve, gate: CommitGate, disk: DiskHealth) {
    this.#directory = directory;
    this.#reserve = reserve;
    this.#gate = gate;
    this.#disk = disk;
  }

  /**
   * Commits `changes` as one transaction.
   * @param frees whether they free more than they take, so that a full disk must not stop them
   * @throws StatewayError STATEWAY_SPOOL_FULL or STATEWAY_SPOOL_FAILED
   */
  async commit(changes: readonly Change[], frees: boolean): Promise<void> {
    try {
      await this.#write(changes, frees);
    } catch (error) {
      for (const change of changes) change.failed();
      throw error;
    }
    for (const change of changes) change.committed();
  }

  async #write(changes: readonly Change[], frees: boolean): Promise<void> {
    if (frees ? !this.#reserve.takesSettlement() : this.#reserve.isClosed) throw spoolError(true);
    if (this.#gate.opened !== undefined) await this.#gate.opened;
    this.#disk.assertCommits();
    try {
      await Promise.all(changes.flatMap((change) => change.write()));
    } catch (error) {
      const reason = await commitErrorOf(error);
      this.#disk.report(reason);
      const isFull = isDiskFull(reason, this.#directory);
      if (isFull) this.#reserve.close();
      throw spoolError(isFull, reason);
    }
  }
}

/** Lets tasks of one key run one after the other; those of different keys do not wait for each other. */
export class PerKeyQueue {
  /** The end of the last task of each key that has one under way. */
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `task` when every earlier one of `key` is over: at once, within this call, when there is none. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const result = before === undefined ? task() : before.then(task);
    const over = result.then(ignore, ignore).then(() => {
      if (this.#last.get(key) === over) this.#last.delete(key);
    });
    this.#last.set(key, over);
    return result;
  }

  /** Resolves when no task is under way. */
  async settled(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}

function ignore(): void {}
