/** How long to wait after a failure before the next try. */
export interface BackOff {
  /** After the first. */
  readonly firstMs: number;
  /** At most, however often it has failed. */
  readonly mostMs: number;
}

/** 2 to the power of this is more than any wait is of the first. */
const MOST_DOUBLINGS = 16;

/**
 * Exponential back-off with jitter: half of the step is fixed, so that nobody comes back at once, half is drawn, so that
 * those of one outage do not come back together.
 * @param failures in a row, from 1
 * @param random from 0 to 1
 */
export function backOffMs({ firstMs, mostMs }: BackOff, failures: number, random: number): number {
  const step = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, MOST_DOUBLINGS));
  return step * (0.5 + random / 2);
}
