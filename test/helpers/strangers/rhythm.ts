import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 1_000;
/** One that was kept waiting makes up for so much of it. */
const MOST_BEHIND_MS = 3_000;

/** When a device has something to say: once a second, and at another moment of it than the others. */
export class Rhythm {
  #dueMs = performance.now() + Math.random() * EVERY_MS;

  /**
   * Waits until the next state is due.
   * @returns since when, by `performance.now`, its device waits for an answer: not since now where the one before it was
   *   answered late
   */
  async beat(): Promise<number> {
    const nowMs = performance.now();
    const dueMs = Math.max(this.#dueMs, nowMs - MOST_BEHIND_MS);
    this.#dueMs = dueMs + EVERY_MS;
    if (nowMs >= dueMs) return dueMs;
    await pause(dueMs - nowMs);
    return performance.now();
  }
}
