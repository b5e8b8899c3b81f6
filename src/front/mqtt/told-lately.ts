import type { Clock } from '../../core/time/clock.js';

const HOUR_MS = 3_600_000;
/** What is remembered; beyond it what was told of first gives way. */
const MOST_TOLD = 10_000;

/** What was told of lately and need not be told again, however often it happens. */
export class ToldLately {
  readonly #clock: Clock;
  readonly #againAfterMs: number;
  /** Monotonic; what was told of first at the beginning. */
  readonly #toldAtMs = new Map<string, number>();

  constructor(clock: Clock, againAfterMs = HOUR_MS) {
    this.#clock = clock;
    this.#againAfterMs = againAfterMs;
  }

  /** @returns whether it is to be told: then it counts as told */
  isNews(what: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const toldAtMs = this.#toldAtMs.get(what);
    if (toldAtMs !== undefined && nowMs - toldAtMs < this.#againAfterMs) return false;
    this.#toldAtMs.delete(what);
    this.#toldAtMs.set(what, nowMs);
    if (this.#toldAtMs.size > MOST_TOLD) this.#toldAtMs.delete(this.#toldAtMs.keys().next().value as string);
    return true;
  }
}
