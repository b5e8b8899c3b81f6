/**
 * Holds commits back for a moment.
 *
 * A process that opens an LMDB environment which another has open writes the number of the last commit, as it read it from
 * the file, to the memory that both share (lmdb-js 3.5, `mdb.c`: `mdb_env_open2`). What was committed in between is undone
 * by the next commit, which goes on from that number: so nothing may be committed meanwhile.
 */
export class CommitGate {
  #opened: Promise<void> | undefined = undefined;
  /** The end of the last hold asked for: one comes after the other, since those who hold may write themselves. */
  #lastHold: Promise<void> = Promise.resolve();
  readonly #committed: () => Promise<unknown>;

  /** @param committed resolves when all that was written so far is committed, rejects when that failed */
  constructor(committed: () => Promise<unknown>) {
    this.#committed = committed;
  }

  /** Undefined when writes may be queued; else resolves when they may, in the order in which it was asked for. */
  get opened(): Promise<void> | undefined {
    return this.#opened;
  }

  /** Resolves, once nobody else holds and nothing is on its way to disk, to what ends the hold. */
  async hold(): Promise<() => void> {
    const before = this.#lastHold;
    const ended = signal();
    this.#lastHold = ended.promise;
    await before;
    const opened = signal();
    this.#opened = opened.promise;
    // A commit that failed has ended too; whoever wrote it is told.
    await this.#committed().catch(() => {});
    return () => {
      opened.give();
      // After all that waits: what comes before they have had their turn must not overtake them.
      void opened.promise.then(() => {
        this.#opened = undefined;
        ended.give();
      });
    };
  }
}

function signal(): { promise: Promise<void>; give: () => void } {
  let give = () => {};
  const promise = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { promise, give };
}
