/** How much faster than all lanes need it in the long run: what came together is spread over four fifths of a window. */
const HEADROOM = 1.25;
/** Requests that may start together; few enough to hold up the answers to devices by a few milliseconds only. */
export const STARTS_TOGETHER = 32;
/** With few lanes, or a long window, at least this many may start. */
const LEAST_STARTS_PER_MS = 1;

/**
 * Spreads the requests of many lanes over their windows, some at a time. Devices that begin together, as when a line
 * starts, would else be sent for in the same few milliseconds of each window from then on, while their next states wait
 * for an answer. One by one would be too much of it: what starts together is handed to the sending thread, and written
 * down, together. A lane on its own, or a few, never wait for it.
 */
export class StartPace {
  readonly #windowMs: number;
  /** Monotonic: when the next request would be due, were all evenly spaced. */
  #evenlyMs = Number.NEGATIVE_INFINITY;
  /** Monotonic. */
  #opensAtMs = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Monotonic: when the next request may start. */
  get earliestStartMs(): number {
    return this.#opensAtMs;
  }

  /** A request starts, of one of so many lanes. */
  start(nowMs: number, lanes: number): void {
    const spacingMs = Math.min(1 / LEAST_STARTS_PER_MS, this.#windowMs / (HEADROOM * lanes));
    this.#evenlyMs = Math.max(nowMs, this.#evenlyMs) + spacingMs;
    // Half a space of slack, so that rounding adds none to them.
    if (this.#evenlyMs - nowMs > (STARTS_TOGETHER - 0.5) * spacingMs) this.#opensAtMs = this.#evenlyMs;
  }
}
