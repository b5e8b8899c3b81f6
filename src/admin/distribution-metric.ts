import type { Metric, Registry } from 'prom-client';
import type { Distribution } from '../core/meters.js';

/** One line of the exposition text. */
interface ExposedValue {
  readonly metricName: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

/**
 * Shows a {@link Distribution} as a Prometheus histogram. prom-client's own Histogram can only be filled observation by
 * observation; its Registry, however, takes anything with a name and a `get()` (prom-client 15, `lib/registry.js`,
 * `getMetricsAsString`), which is what this registers.
 */
export function registerDistribution(registry: Registry, name: string, help: string, source: Distribution): void {
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: exposedValues(name, source) }),
  };
  registry.registerMetric(metric as unknown as Metric);
}

/** Buckets are cumulative in the text, and the last one holds everything (Prometheus exposition format, "Histogram"). */
function exposedValues(name: string, { bounds, counts, sum, count }: Distribution): ExposedValue[] {
  let below = 0;
  const buckets = bounds.map((bound, bucket) => {
    below += counts[bucket] as number;
    return { metricName: `${name}_bucket`, labels: { le: String(bound) }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ];
}
