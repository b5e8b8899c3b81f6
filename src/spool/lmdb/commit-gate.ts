import { type Committing, commitErrorOf } from './failed-commit.js';

/**
 * Holds writes back while they may not be queued.
 *
 * For a moment, when another process opens the environment: it writes the number of the last commit, as it read it from the
 * file, to the memory that both share (lmdb-js 3.5, `mdb.c`: `mdb_env_open2`). What was committed in between is undone by
 * the next commit, which goes on from that number: so nothing may be committed meanwhile.
 *
 * And while a commit is on its way to disk: what comes meanwhile is the next one, together. lmdb-js would gather it as
 * well, but start it whatever becomes of the first; and a write after a commit whose head page was not written never ends
 * (`writer.cpp`: `Write` returns with its lock held).
 */
export class CommitGate {
  #opened: Promise<void> | undefined = undefined;
  #open: () => void = () => {};
  /** Who keeps it closed. */
  #closures = 0;
  /** The end of the last hold asked for: one comes after the other, since those who hold may write themselves. */
  #lastHold: Promise<void> = Promise.resolve();
  #lastCommit: Promise<void> = Promise.resolve();
  readonly #onFailed: (reason: unknown) => void;

  /** @param onFailed told of a commit that failed, before anything else may be written */
  constructor(onFailed: (reason: unknown) => void) {
    this.#onFailed = onFailed;
  }

  /** Undefined when writes may be queued; else resolves when they may, in the order in which it was asked for. */
  get opened(): Promise<void> | undefined {
    return this.#opened;
  }

  /** From now on it is closed while a commit of this environment is on its way. */
  follow(root: Committing): void {
    // The promise of the batch comes to be right after this event, in the same task (`handleFailedBatches`).
    root.on('beforecommit', () => {
      queueMicrotask(() => {
        this.#lastCommit = this.#during(new Promise((resolve, reject) => root.committed.then(resolve, reject)));
      });
    });
  }

  /** Resolves, once nobody else holds and nothing is on its way to disk, to what ends the hold. */
  async hold(): Promise<() => void> {
    const before = this.#lastHold;
    let end = () => {};
    this.#lastHold = new Promise((resolve) => {
      end = resolve;
    });
    await before;
    this.#close();
    await this.#lastCommit;
    // What was queued in this turn is no commit yet.
    await new Promise(setImmediate);
    await this.#lastCommit;
    return () => {
      const opened = this.#opened;
      this.#release();
      // After all that waits: what comes before they have had their turn must not overtake them.
      void opened?.then(end);
    };
  }

  async #during(committed: Promise<unknown>): Promise<void> {
    this.#close();
    try {
      await committed;
    } catch (error) {
      this.#onFailed(await commitErrorOf(error));
    }
    this.#release();
  }

  #close(): void {
    this.#closures++;
    if (this.#closures > 1) return;
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  #release(): void {
    this.#closures--;
    if (this.#closures > 0) return;
    const opened = this.#opened;
    this.#open();
    void opened?.then(() => {
      if (this.#opened === opened && this.#closures === 0) this.#opened = undefined;
    });
  }
}
