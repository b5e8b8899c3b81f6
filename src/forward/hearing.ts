const DAY_MS = 86_400_000;
/** No device is called silent sooner. */
export const SILENT_AFTER_MS = 10 * 60_000;
/** A device that has been silent for this long is one of the past. */
export const FORGOTTEN_AFTER_MS = 7 * DAY_MS;

/**
 * When a device was heard of, and how long it pauses at most: what reports once an hour is not silent after ten minutes.
 * Times are monotonic.
 */
export class Hearing {
  /** Whether the cloud has taken states of the device in this run. */
  hasDelivered = false;
  #lastMs = Number.NEGATIVE_INFINITY;
  #longestPauseMs = 0;

  /** When a state of the device was last stored; -Infinity before the first. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** A state of the device was stored. */
  hear(nowMs: number): void {
    const pauseMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    // Longer than a day is an absence, not a rhythm.
    if (pauseMs > this.#longestPauseMs && pauseMs <= DAY_MS) this.#longestPauseMs = pauseMs;
  }

  /** Whether nothing came for ten minutes, nor for twice the longest pause before. */
  isSilent(nowMs: number): boolean {
    const quietMs = nowMs - this.#lastMs;
    return quietMs >= Math.max(SILENT_AFTER_MS, 2 * this.#longestPauseMs) && quietMs < FORGOTTEN_AFTER_MS;
  }
}
