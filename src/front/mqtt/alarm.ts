import type { Clock } from '../../core/time/clock.js';

/** One time limit of one connection: set, set anew, cleared. */
export class Alarm {
  readonly #clock: Clock;
  #cancel: (() => void) | undefined = undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isSet(): boolean {
    return this.#cancel !== undefined;
  }

  /** Calls `task` once after `delayMs`, in place of what it was set for. */
  set(delayMs: number, task: () => void): void {
    this.clear();
    this.#cancel = this.#clock.schedule(delayMs, () => {
      this.#cancel = undefined;
      task();
    });
  }

  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
