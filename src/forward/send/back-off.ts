import type { Lane } from '../lane/lane.js';
import { backoffMs } from './outcome.js';

/**
 * Something went wrong for a lane that may be better later: it waits, the longer the more often in a row.
 * @param random from 0 to 1, for jitter
 * @param mostSteps it waits no longer than after so many failures
 */
export function backOff(
  lane: Lane,
  reason: string,
  nowMs: number,
  random: number,
  mostSteps = Number.POSITIVE_INFINITY,
): void {
  lane.failures++;
  lane.noteTrouble('failing', reason, nowMs);
  lane.holdBack('backoff', nowMs + backoffMs(Math.min(lane.failures, mostSteps), random), false);
}
