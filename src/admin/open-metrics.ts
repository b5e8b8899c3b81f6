import { type Metric, type OpenMetricsContentType, Registry } from 'prom-client';

const OPEN_METRICS = 'application/openmetrics-text';
/** The one that prom-client writes. */
const VERSION = '1.0.0';

/**
 * Whether a scraper would rather have OpenMetrics than Prometheus' own text (RFC 9110, 12.5.1). That of 1.0.0 must be named:
 * `*` and other versions do not ask for it.
 */
export function prefersOpenMetrics(accept: string): boolean {
  const ranges = accept.split(',').map(rangeOf);
  const weightOf = (wanted: (range: Range) => boolean) =>
    Math.max(0, ...ranges.filter(wanted).map(({ weight }) => weight));
  const open = weightOf(({ type, version }) => type === OPEN_METRICS && (version === VERSION || version === undefined));
  return open > 0 && open >= weightOf(({ type }) => type === 'text/plain');
}

/** A member of `Accept`. */
interface Range {
  readonly type: string;
  readonly version: string | undefined;
  /** 0 to 1. */
  readonly weight: number;
}

function rangeOf(member: string): Range {
  const [type = '', ...parameters] = member.split(';').map((part) => part.trim().toLowerCase());
  const parameter = (name: string) => parameters.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
  const weight = Number(parameter('q') ?? '1');
  return { type, version: parameter('version'), weight: Number.isNaN(weight) ? 0 : weight };
}

/**
 * The same metrics in OpenMetrics 1.0, which read those of `registry` at each scrape. prom-client's own way there, a registry
 * with another content type, renames each counter for good (15.1, `lib/registry.js`, `metrics`): whoever scrapes Prometheus'
 * text afterwards gets them without `_total`.
 */
export function openMetricsOf(registry: Registry): Registry<OpenMetricsContentType> {
  const open = new Registry<OpenMetricsContentType>();
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const metric of registry.getMetricsAsArray()) open.registerMetric(viewOf(metric as unknown as Metric));
  return open;
}

/** What the registry reads of a metric (prom-client 15, `lib/registry.js`, `getMetricsAsString`), and renames. */
function viewOf(metric: Metric): Metric {
  const { name, type } = metric as unknown as { readonly name: string; readonly type: string };
  const family = type === 'counter' ? name.replace(/_total$/, '') : name;
  const get = async () => {
    const { values, ...told } = await metric.get();
    return { ...told, name: family, values: values.map(withCanonicalBound) };
  };
  return { name: family, type, get } as unknown as Metric;
}

/** Bounds have a point in OpenMetrics: `1.0`, where Prometheus' text has `1`. */
function withCanonicalBound<V extends { readonly labels: object }>(value: V): V {
  const { le } = value.labels as { readonly le?: string | number };
  return /^\d+$/.test(String(le)) ? { ...value, labels: { ...value.labels, le: `${le}.0` } } : value;
}
