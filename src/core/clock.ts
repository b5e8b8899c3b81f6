/**
 * Where the stages take time from, so that tests can move it. Two readings, never mixed: `wallMs` stamps states and
 * reads `exp`, and may jump; `monotonicMs` measures waits, and never does.
 */
export interface Clock {
  /** Milliseconds since the epoch, whole. */
  wallMs(): number;
  /**
   * Milliseconds since an arbitrary start; only differences mean something. The start is that of the machine, so that the
   * readings of two processes may be compared while it is up (`readBootTag`).
   */
  monotonicMs(): number;
  /** Calls `task` once after at least `delayMs`; returns the way to cancel it. */
  schedule(delayMs: number, task: () => void): () => void;
}

/** A clock whose readings say what they were counted with, for times that are corrected when it turns out to be wrong. */
export interface ArrivalClock extends Clock {
  /** {@link Clock.wallMs}, marked with the number of its timebase (`timebase.ts`). */
  arrivalMs(): number;
  /** Whether {@link Clock.wallMs} can be right. */
  readonly isCredible: boolean;
}

/**
 * As far as this, stamps that the proxy gives go on ahead of a wall clock that was set back. Further, they would falsify
 * the times of hours to come for the sake of those that were given before (contract 1.5).
 */
export const MAX_STAMP_AHEAD_MS = 60_000;

/**
 * From the start of this process to that of the machine: `performance.now()` counts from the former by the clock that
 * `process.hrtime` reads as it is (CLOCK_MONOTONIC on Linux), and is the cheaper call.
 */
const PROCESS_STARTED_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The machine's own clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => PROCESS_STARTED_MS + performance.now(),
  schedule(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
