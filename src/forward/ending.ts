import type { Clock } from '../core/clock.js';
import type { AnswerTimes } from './answer-times.js';

/** When the run ends, what may still start until then, and who waits for it. */
export class Ending {
  readonly #clock: Clock;
  readonly #answerTimes: AnswerTimes;
  /** Monotonic; by then every request should have its answer. Infinity while there is no end in sight. */
  #endByMs = Number.POSITIVE_INFINITY;
  #closed: Promise<number> | undefined = undefined;
  #finish: (unanswered: number) => void = () => {};

  constructor(clock: Clock, answerTimes: AnswerTimes) {
    this.#clock = clock;
    this.#answerTimes = answerTimes;
  }

  get isClosing(): boolean {
    return this.#closed !== undefined;
  }

  /** Resolves when the closing is over, to the requests that had no answer; undefined before it has begun. */
  get closed(): Promise<number> | undefined {
    return this.#closed;
  }

  /** The run ends in so many milliseconds at the latest. */
  within(ms: number): void {
    this.#endByMs = Math.min(this.#endByMs, this.#clock.monotonicMs() + ms);
  }

  /** Whether a request that starts at `atMs` can have its answer in time, as answers come now. */
  mayStart(atMs: number): boolean {
    if (this.#endByMs === Number.POSITIVE_INFINITY) return true;
    return atMs + this.#answerTimes.expectedMs(this.#clock.monotonicMs()) <= this.#endByMs;
  }

  /** From now on it is waited for. @param onTimeOver called at the end, unless it is over before */
  close(withinMs: number, onTimeOver: () => void): Promise<number> {
    this.within(withinMs);
    this.#closed = new Promise((resolve) => {
      const cancel = this.#clock.schedule(withinMs, onTimeOver);
      this.#finish = (unanswered) => {
        cancel();
        resolve(unanswered);
      };
    });
    return this.#closed;
  }

  /** It is over. @param unanswered requests that are left to their fate */
  finish(unanswered: number): void {
    this.#finish(unanswered);
  }
}
