/** Timers of Node do no better. */
const TICK_MS = 1;

/** Looks whether something is done, every so often, until it is or time is up. */
export function until(isDone: () => boolean, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const tick = setInterval(() => {
      if (!isDone() && performance.now() < deadlineMs) return;
      clearInterval(tick);
      resolve();
    }, TICK_MS);
  });
}

/**
 * When the events of an open-loop load are due: one every so often, whatever becomes of those before. Latency is counted
 * from here, not from when the event could be sent: otherwise a server that stalls would hide all that had to wait
 * meanwhile (coordinated omission).
 */
export class ArrivalSchedule {
  readonly #startMs: number;
  readonly #perMs: number;
  readonly total: number;

  /**
   * @param startMs of the first event
   * @param perSecond events in a second
   */
  constructor(startMs: number, perSecond: number, seconds: number) {
    this.#startMs = startMs;
    this.#perMs = perSecond / 1000;
    this.total = Math.floor(perSecond * seconds);
  }

  /** How many events are due by now. */
  dueBy(nowMs: number): number {
    if (nowMs < this.#startMs) return 0;
    return Math.min(this.total, Math.floor((nowMs - this.#startMs) * this.#perMs) + 1);
  }

  /** When the event of that number, from 0 on, is due. */
  dueAtMs(event: number): number {
    return this.#startMs + event / this.#perMs;
  }
}
