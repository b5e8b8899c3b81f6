import { build, type Histogram } from 'hdr-histogram-js';
import type { Figures } from '../measure/metrics.js';

const LONGEST_US = 60_000_000;

/** A histogram of microseconds with three digits. */
export function latencyHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: LONGEST_US, numberOfSignificantValueDigits: 3 });
}

/** Counts a duration. */
export function observe(histogram: Histogram, durationMs: number): void {
  histogram.recordValue(Math.min(LONGEST_US, Math.max(1, Math.round(durationMs * 1000))));
}

/** The milliseconds within which so many of a hundred are. */
export function withinMs(histogram: Histogram, percentile: number): number {
  return histogram.getValueAtPercentile(percentile) / 1000;
}

export function percentiles(histogram: Histogram): Figures {
  return {
    p50: withinMs(histogram, 50),
    p90: withinMs(histogram, 90),
    p99: withinMs(histogram, 99),
    'p99.9': withinMs(histogram, 99.9),
    longest: histogram.maxValue / 1000,
  };
}
