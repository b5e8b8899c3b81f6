import { Counter, Gauge, type Registry } from 'prom-client';

/** A value and the values of its labels, in the order of the label names. */
export type Sample = readonly [value: number, ...labels: string[]];

/** One metric whose values are read from the sources at each scrape. */
export interface MetricRow {
  readonly name: `stateway_${string}`;
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly read: () => readonly Sample[];
}

/** prom-client's counters only count on from where they are: each scrape starts them anew at what was counted. */
export function registerCounter(registry: Registry, { name, help, labelNames = [], read }: MetricRow): void {
  new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, ...labels] of read()) this.labels(...labels).inc(value);
    },
  });
}

/** Read anew at each scrape. */
export function registerGauge(registry: Registry, { name, help, labelNames = [], read }: MetricRow): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      const samples = read();
      // What is told no more would stand at its last value; one without labels at 0 from the start.
      if (labelNames.length > 0) this.reset();
      else if (samples.length === 0) this.remove();
      for (const [value, ...labels] of samples) this.labels(...labels).set(value);
    },
  });
}

/** A sample for each value of one label. */
export function byLabel(values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([label, value]): Sample => [value, label]);
}
