/** One metric of a scrape. */
export interface ExposedMetric {
  readonly type: string;
  /** Values by the rest of their line: suffix of the name and labels, as in `_bucket{le="1"}`. */
  readonly values: ReadonlyMap<string, number>;
}

/**
 * Reads the text format that Prometheus scrapes (Prometheus docs, "Exposition formats", version 0.0.4).
 * @throws Error for a line that is not of the format, or a value outside of its metric
 */
export function parseExposition(text: string): Map<string, ExposedMetric> {
  const metrics = new Map<string, { type: string; values: Map<string, number> }>();
  let current = { name: '', values: new Map<string, number>() };
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue;
    const [, typedName, type] = /^# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge|histogram|summary)$/.exec(line) ?? [];
    if (typedName !== undefined && type !== undefined) {
      if (metrics.has(typedName)) throw new Error(`two metrics are called ${typedName}`);
      current = { name: typedName, values: new Map() };
      metrics.set(typedName, { type, values: current.values });
      continue;
    }
    const sample = /^([a-z_:][a-z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)$/.exec(line);
    if (sample === null) throw new Error(`not a line of the format: ${line}`);
    const [, name, labels = '', value] = sample as unknown as [string, string, string | undefined, string];
    if (!name.startsWith(current.name)) throw new Error(`${name} stands under ${current.name}`);
    const key = name.slice(current.name.length) + labels;
    if (current.values.has(key)) throw new Error(`${name}${labels} stands twice`);
    current.values.set(key, Number(value));
  }
  return metrics;
}
