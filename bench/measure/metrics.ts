/** One thing that is measured. */
export interface Metric {
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** Whether `bench:compare` gives a verdict on it; the others are there to read. */
  readonly isJudged: boolean;
  /** Whether a table shows how many times a peer's it is. */
  readonly hasRatio: boolean;
  readonly digits: number;
}

function metric(unit: string, better: Metric['better'], digits: number, isJudged: boolean, hasRatio = isJudged) {
  return { unit, better, digits, isJudged, hasRatio };
}

export const METRICS = {
  'requests a second': metric('/s', 'higher', 0, true),
  'states a second': metric('/s', 'higher', 0, true),
  'log-ins a second': metric('/s', 'higher', 0, true),
  'p50, closed loop': metric('ms', 'lower', 2, false, true),
  'p99, closed loop': metric('ms', 'lower', 2, true),
  p50: metric('ms', 'lower', 2, false),
  p90: metric('ms', 'lower', 2, false),
  p99: metric('ms', 'lower', 2, true),
  'p99.9': metric('ms', 'lower', 2, false),
  longest: metric('ms', 'lower', 1, false),
  'resident memory': metric('MB', 'lower', 1, true),
  'of it pages of files': metric('MB', 'lower', 1, false),
  'growth of memory': metric('MB', 'lower', 1, false),
  'bytes of memory a waiting state': metric('B', 'lower', 1, false),
  'time to ready': metric('s', 'lower', 2, true),
  'time to connect all': metric('s', 'lower', 2, false),
  'time until all are up': metric('s', 'lower', 2, true),
  'rate that was held': metric('/s', 'higher', 0, false),
  'POSTs to the cloud a second': metric('/s', 'lower', 0, false),
  'CPU a state': metric('µs', 'lower', 2, true),
  'load generator': metric('cores', 'lower', 2, false),
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;

/** What one run measured. */
export type Figures = Readonly<Partial<Record<MetricName, number>>>;
