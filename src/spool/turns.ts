/** Lets tasks of one key run one after the other; those of different keys do not wait for each other. */
export class Turns {
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
