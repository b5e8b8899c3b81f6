import type { Metric, Registry } from 'prom-client';
import type { Distribution, Exemplar } from '../core/metering/meters.js';

/** One line of the exposition text. */
interface ExposedValue {
  readonly metricName: string;
  readonly labels: Record<string, string>;
  readonly value: number;
  /** As prom-client's own histograms have it; written in OpenMetrics alone. */
  readonly exemplar?: { readonly labelSet: Exemplar['labels']; readonly value: number; readonly timestamp: number };
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
function exposedValues(name: string, { bounds, counts, sum, count, exemplars }: Distribution): ExposedValue[] {
  let below = 0;
  const buckets = [...bounds, '+Inf'].map((bound, bucket) => {
    below += counts[bucket] as number;
    return { metricName: `${name}_bucket`, labels: { le: String(bound) }, value: below, ...shown(exemplars[bucket]) };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ];
}

function shown(exemplar: Exemplar | undefined): Pick<ExposedValue, 'exemplar'> {
  if (exemplar === undefined) return {};
  const { labels, value, atMs } = exemplar;
  return { exemplar: { labelSet: labels, value, timestamp: atMs / 1_000 } };
}
