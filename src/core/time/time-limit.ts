import type { Clock } from './clock.js';

/** A timer that fires later than this was kept from it: by a suspension, or by a thread that is very busy. */
const LATE_MS = 500;

/**
 * A limit for something to arrive. It is over when it has passed **and what had arrived by then was read**: in a turn of
 * the event loop timers come before sockets (nodejs.org, "The Node.js event loop"), so a process that wakes from a
 * suspension (SIGSTOP, a virtual machine that is moved) would find every limit over, and the answers behind it unread.
 *
 * So a limit that fires in time lets the sockets be read once more. One that fires late goes on for as long as it was
 * late, since what was sent to a machine that slept comes again by and by; all in all at most as long again.
 */
export class TimeLimit {
  readonly #clock: Clock;
  readonly #onOver: () => void;
  #moreMs: number;
  #dueMs = 0;
  #cancelTimer: () => void = () => {};
  #reading: NodeJS.Immediate | undefined = undefined;

  /** @param onOver called once, unless the limit is cancelled before */
  constructor(clock: Clock, limitMs: number, onOver: () => void) {
    this.#clock = clock;
    this.#onOver = onOver;
    this.#moreMs = limitMs;
    this.#start(limitMs);
  }

  cancel(): void {
    this.#cancelTimer();
    if (this.#reading !== undefined) clearImmediate(this.#reading);
  }

  #start(forMs: number): void {
    this.#dueMs = this.#clock.monotonicMs() + forMs;
    this.#cancelTimer = this.#clock.schedule(forMs, () => this.#onTimer());
  }

  #onTimer(): void {
    const lateMs = Math.min(this.#clock.monotonicMs() - this.#dueMs, this.#moreMs);
    if (lateMs > LATE_MS) {
      this.#moreMs -= lateMs;
      this.#start(lateMs);
    } else {
      this.#reading = setImmediate(this.#onOver);
    }
  }
}

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
