import { build, type Histogram } from 'hdr-histogram-js';

/** How long answers took, milliseconds. */
export interface Latency {
  readonly answers: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

const LONGEST_US = 60_000_000;

/** A histogram of microseconds with three digits. */
export function latencyHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: LONGEST_US, numberOfSignificantValueDigits: 3 });
}

/** Counts a duration. */
export function observe(histogram: Histogram, durationMs: number): void {
  histogram.recordValue(Math.min(LONGEST_US, Math.max(1, Math.round(durationMs * 1000))));
}

export function latencyOf(histogram: Histogram): Latency {
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
  return {
    answers: histogram.totalCount,
    p50Ms: at(50),
    p90Ms: at(90),
    p99Ms: at(99),
    p999Ms: at(99.9),
    maxMs: histogram.maxValue / 1000,
  };
}
