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
