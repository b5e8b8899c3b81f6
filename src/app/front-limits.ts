import type { Config } from '../config/load.js';
import { MAX_CALLS, MAX_UNANSWERED_BYTES } from '../core/bounds.js';
import type { FrontOptions } from '../front/server.js';

/** Bodies of the largest size that a front has room for at least, however many fronts there are. */
const LEAST_BODIES = 4;

/**
 * What one of so many fronts may hold: its share of what all may, though never less than a few bodies.
 * @param streams of all of them
 */
export function frontLimits(
  { maxBodyBytes, passthrough }: Pick<Config, 'maxBodyBytes' | 'passthrough'>,
  streams: number,
  fronts: number,
): Pick<FrontOptions, 'maxBodyBytes' | 'maxUnansweredBytes' | 'passthrough' | 'maxPassedCalls'> {
  const share = (all: number): number => Math.ceil(all / fronts);
  return {
    maxBodyBytes,
    maxUnansweredBytes: Math.max(share(MAX_UNANSWERED_BYTES), LEAST_BODIES * maxBodyBytes),
    passthrough,
    maxPassedCalls: { stream: share(streams), upload: share(MAX_CALLS.upload), other: share(MAX_CALLS.other) },
  };
}
