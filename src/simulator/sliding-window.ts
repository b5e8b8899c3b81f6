/** Forgotten entries are cut off when there are this many, so that memory follows the window, not the run. */
const COMPACT_AT = 1024;

/** Counts events in any span of `windowMs`: an event at t counts until, but not at, t + `windowMs`. */
export class SlidingWindow {
  readonly #windowMs: number;
  #times: number[] = [];
  #first = 0;
  /** The most events that any span of the window's length has held. */
  max = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /**
   * Adds an event.
   * @param nowMs never less than at the call before
   * @returns how many the window that ends now holds, this one included
   */
  add(nowMs: number): number {
    const times = this.#times;
    times.push(nowMs);
    while ((times[this.#first] as number) <= nowMs - this.#windowMs) this.#first++;
    if (this.#first >= COMPACT_AT) {
      this.#times = times.slice(this.#first);
      this.#first = 0;
    }
    const count = this.#times.length - this.#first;
    if (count > this.max) this.max = count;
    return count;
  }
}
