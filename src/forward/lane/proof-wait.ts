import type { Lane } from './lane.js';
import type { Proofs } from './proofs.js';

/** How long a lane has to wait with a request that waits for no window and for no good token. */
function requestWaitMs({ hold, holdUntilMs, pacing }: Lane, nowMs: number): number {
  return Math.max(hold === 'backoff' ? holdUntilMs : nowMs, pacing.earliestStartMs(nowMs)) - nowMs;
}

/**
 * How long a lane has to wait with its next proof. Where its own states can go by themselves, they go first, and the proof
 * takes no room that they need (contract 1.4).
 * @returns Infinity: until its own states are gone; or there is no proof
 */
export function proofWaitMs(lane: Lane, proofs: Proofs | undefined, nowMs: number): number {
  if (proofs === undefined || proofs.isEmpty) return Number.POSITIVE_INFINITY;
  const waitMs = requestWaitMs(lane, nowMs);
  if (!proofs.isServed || lane.hold === 'parked') return waitMs;
  return lane.isEmpty ? Math.max(waitMs, proofs.spareWaitMs(lane.pacing, nowMs)) : Number.POSITIVE_INFINITY;
}
