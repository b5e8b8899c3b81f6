/**
 * Which times of states the cloud keeps: it ignores one that is older than 30 days or more than a day ahead, without a
 * word (docs/cloud.md, "States").
 */

const DAY_MS = 86_400_000;
const MAX_AGE_MS = 30 * DAY_MS;
const MAX_AHEAD_MS = DAY_MS;

/** Milliseconds since the epoch; both ends are kept. */
export interface TimeWindow {
  readonly earliestMs: number;
  readonly latestMs: number;
}

/**
 * What becomes of a state that the cloud would ignore (contract 1.2): `forward` as it is; `arrival` stamps it by its
 * arrival and keeps the device's time in `meta`; `refuse` it, and with it its body.
 */
export type OutOfWindow = 'forward' | 'arrival' | 'refuse';

/** How the times that devices name are judged when they arrive. */
export interface TimeRules extends TimeWindow {
  readonly outOfWindow: OutOfWindow;
}

/** States that a device named times for which the cloud does not keep. */
export interface IgnoredTimes {
  readonly states: number;
  /** Of the last of them, milliseconds since the epoch. */
  readonly lastTimeMs: number;
  /** Whether the device sent one after it whose time is kept. */
  readonly isRightAgain: boolean;
}

/** What the cloud keeps at an instant. */
export function windowAt(nowMs: number): TimeWindow {
  return { earliestMs: nowMs - MAX_AGE_MS, latestMs: nowMs + MAX_AHEAD_MS };
}

/** Whether the cloud ignores a state of this time. */
export function isOutOfWindow(timeMs: number, nowMs: number): boolean {
  return timeMs < nowMs - MAX_AGE_MS || timeMs > nowMs + MAX_AHEAD_MS;
}

/**
 * Whether the cloud ignores a state of a time that came just now. One that was counted from its arrival is judged by
 * that: it is corrected with it, whatever the proxy's clock shows (`timebase.ts`).
 * @param timeMs as a record has it, marked with a timebase where it was counted
 * @param arrivalMs as it was counted from
 */
export function isIgnored(timeMs: number, arrivalMs: number, { earliestMs, latestMs }: TimeWindow): boolean {
  if (timeMs >= earliestMs && timeMs <= latestMs) return false;
  return Number.isInteger(timeMs) || isOutOfWindow(timeMs, arrivalMs);
}
