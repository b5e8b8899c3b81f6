import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';

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
  /**
   * Calls `task` once after at least `delayMs`, however long; returns the way to cancel it. A delay below 0, as the
   * difference of two readings can be, is none.
   */
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
    if (delayMs > LONGEST_TIMER_MS) return scheduleInParts(delayMs, task);
    // Node warns of a time that has passed (`TimeoutNegativeWarning`), and waits as for 0.
    const timer = setTimeout(task, Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};

/** A timer of Node's that is set for longer fires at once (nodejs.org, "setTimeout"): 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function scheduleInParts(delayMs: number, task: () => void): () => void {
  let cancel = systemClock.schedule(LONGEST_TIMER_MS, () => {
    cancel = systemClock.schedule(delayMs - LONGEST_TIMER_MS, task);
  });
  return () => cancel();
}

/** Resolves after `delayMs` by the machine's own clock. */
export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    systemClock.schedule(delayMs, resolve);
  });
}

/** Where Linux names the boot it runs in (`random(4)`): another one after each start of the machine. */
const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';
const U32_MAX = 0xffff_ffff;

/**
 * A number for the boot of the machine that this process runs in, from 1 to 2^32 - 1. As long as it is the same,
 * {@link Clock.monotonicMs} of one process may be compared with that of another. Where a machine does not name its boots
 * every process is taken for one.
 */
export function readBootTag(): number {
  try {
    return crc32(readFileSync(BOOT_ID_FILE, 'latin1').trim()) || 1;
  } catch {
    return randomInt(1, U32_MAX);
  }
}
