import type { Clock } from '../../core/time/clock.js';

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

/** Answers are counted over one to two of these. */
const SPAN_MS = 10_000;
/** Before the first answer. */
const UNKNOWN_MS = 1_000;
/** The next may take longer than the longest of late. */
const MARGIN = 1.5;
/** After an answer: what it settles is written to disk. */
const SETTLE_MS = 250;

/** A request that is out. */
export interface Underway {
  readonly startedMs: number;
}

/** How long the cloud takes to answer, of late; so that nothing is begun that cannot end. Times are monotonic. */
export class AnswerTimes {
  /** In the order of their starts. */
  readonly #underway = new Set<Underway>();
  #spanEndsMs = Number.NEGATIVE_INFINITY;
  #longestMs = 0;
  #longestBeforeMs = 0;
  #isKnown = false;

  start(nowMs: number): Underway {
    const request = { startedMs: nowMs };
    this.#underway.add(request);
    return request;
  }

  /** With or without an answer. */
  end(request: Underway, nowMs: number): void {
    this.#underway.delete(request);
    if (nowMs >= this.#spanEndsMs) {
      this.#longestBeforeMs = this.#longestMs;
      this.#longestMs = 0;
      this.#spanEndsMs = nowMs + SPAN_MS;
    }
    this.#longestMs = Math.max(this.#longestMs, nowMs - request.startedMs);
    this.#isKnown = true;
  }

  /** How long a request that starts now should be given, until what it settles is on disk. */
  expectedMs(nowMs: number): number {
    const known = this.#isKnown ? Math.max(this.#longestMs, this.#longestBeforeMs) : UNKNOWN_MS;
    const [oldest] = this.#underway;
    const outMs = oldest === undefined ? 0 : nowMs - oldest.startedMs;
    return MARGIN * Math.max(known, outMs) + SETTLE_MS;
  }
}
