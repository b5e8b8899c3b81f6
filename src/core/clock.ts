/**
 * Where the stages take time from, so that tests can move it. Two readings, never mixed: `wallMs` stamps states and
 * reads `exp`, and may jump; `monotonicMs` measures waits, and never does.
 */
export interface Clock {
  /** Milliseconds since the epoch, whole. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start; only differences mean something. */
  monotonicMs(): number;
  /** Calls `task` once after at least `delayMs`; returns the way to cancel it. */
  schedule(delayMs: number, task: () => void): () => void;
}

/**
 * As far as this, stamps that the proxy gives go on ahead of a wall clock that was set back. Further, they would falsify
 * the times of hours to come for the sake of those that were given before (contract 1.5).
 */
export const MAX_STAMP_AHEAD_MS = 60_000;

/** The machine's own clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
