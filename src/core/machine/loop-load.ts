import { performance } from 'node:perf_hooks';

/** A shorter span says more of one turn than of the load: until it is over, what was measured last holds. */
const MEASURED_MS = 100;

/** How busy a thread is. */
export interface Load {
  /** The share of its time, of late, in which the thread was not waiting for something to do: 0 to 1. */
  share(): number;
}

/** Milliseconds that an event loop has waited and worked since it began. */
export interface LoopTimes {
  readonly idle: number;
  readonly active: number;
}

/** The load of the thread that asks. One that is ready to run and waits for a core counts as busy. */
export class LoopLoad implements Load {
  readonly #read: () => LoopTimes;
  #last: LoopTimes;
  #share = 0;

  /** @param read the times of the thread's loop, if not those of Node's */
  constructor(read: () => LoopTimes = () => performance.eventLoopUtilization()) {
    this.#read = read;
    this.#last = read();
  }

  share(): number {
    const times = this.#read();
    const activeMs = times.active - this.#last.active;
    const spanMs = activeMs + times.idle - this.#last.idle;
    if (spanMs >= MEASURED_MS) {
      this.#share = activeMs / spanMs;
      this.#last = times;
    }
    return this.#share;
  }
}
