import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/admin/metrics.js';
import { parseExposition } from '../admin/exposition.js';
import { FakeSources } from '../admin/fake-sources.js';
import { K8S, readObjects } from './manifests.js';
import { askedBy, type Matcher } from './promql.js';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}
interface Variable {
  readonly name: string;
  readonly type: string;
  readonly definition?: string;
}

const RULES: Rule[] = readObjects('monitoring/prometheus-rule.yaml')[0]?.spec.groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
);
const DASHBOARD: { panels: Panel[]; templating: { list: Variable[] }; schemaVersion: number; uid: string } = JSON.parse(
  readFileSync(join(K8S, 'chart/monitoring/stateway-dashboard.json'), 'utf8'),
);

/** What the operator adds to every sample of a target that a ServiceMonitor found. */
const TARGET_LABELS = ['job', 'namespace', 'pod', 'instance', 'service', 'endpoint', 'container'];

/** Each label's values, by the names of the metrics; what has no fixed values has none here. */
type Known = Map<string, Map<string, Set<string>>>;

/** The names and labels that the program itself shows, and those of Prometheus and of the rules. */
async function knownMetrics(): Promise<Known> {
  const sources = new FakeSources();
  sources.meters.upstreamRequests.set('200', 1);
  sources.meters.passedCalls.set('200', 1);
  sources.refusals.counts.set('STATEWAY_MALFORMED_BODY', 1);
  const known: Known = new Map([['up', new Map()]]);
  for (const [metric, { values }] of parseExposition((await createMetrics(sources).render()).body)) {
    for (const key of values.keys()) {
      const [, suffix = '', labels = ''] = /^(\w*)(.*)$/.exec(key) ?? [];
      const labelsOf = known.get(metric + suffix) ?? new Map<string, Set<string>>();
      known.set(metric + suffix, labelsOf);
      for (const [, label, value] of labels.matchAll(/([a-z]+)="([^"]*)"/g)) {
        const valuesOf = labelsOf.get(label as string) ?? new Set<string>();
        labelsOf.set(label as string, valuesOf.add(value as string));
      }
    }
  }
  for (const { record } of RULES) if (record !== undefined) known.set(record, new Map());
  return known;
}

/** What is wrong with the names in an expression. */
function findingsIn(expression: string, known: Known): string[] {
  const { selectors, grouping } = askedBy(expression);
  if (selectors.length === 0) return expression.startsWith('vector(') ? [] : ['it asks for no metric'];
  const findings = selectors.flatMap(({ metric, matchers }) => {
    const labels = known.get(metric);
    if (labels === undefined) return [`no metric is called ${metric}`];
    return matchers.flatMap((matcher) => findingsOf(matcher, labels).map((finding) => `${metric}: ${finding}`));
  });
  const groupable = [...TARGET_LABELS, ...selectors.flatMap(({ metric }) => [...(known.get(metric)?.keys() ?? [])])];
  const unknown = grouping.filter((label) => !groupable.includes(label));
  return [...findings, ...unknown.map((label) => `no label to group by is called ${label}`)];
}

function findingsOf({ label, operator, value }: Matcher, labels: ReadonlyMap<string, Set<string>>): string[] {
  const values = labels.get(label);
  if (values === undefined) return TARGET_LABELS.includes(label) ? [] : [`no label is called ${label}`];
  // Codes are the cloud's to choose.
  if (operator !== '=' || label === 'code' || values.has(value)) return [];
  return [`${label} is never ${value}`];
}

const QUERIES = [
  ...RULES.map(({ alert, record, expr }) => [`rule ${alert ?? record}`, expr] as const),
  ...DASHBOARD.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => [`panel ${title}`, expr] as const),
  ),
  ...DASHBOARD.templating.list.flatMap(({ name, definition }) => {
    const [, expr, label] = /^label_values\((.*), (\w+)\)$/.exec(definition ?? '') ?? [];
    return expr === undefined ? [] : [[`variable ${name}`, `sum by (${label}) (${expr})`] as const];
  }),
];

describe('every query', () => {
  it.each(QUERIES)('asks for metrics, labels and values that exist: %s', async (_name, expr) => {
    expect(findingsIn(expr, await knownMetrics())).toEqual([]);
  });

  it.each([
    ['stateway_spool_byte > 1', 'no metric is called stateway_spool_byte'],
    ['rate(stateway_ack_duration_seconds[5m])', 'no metric is called stateway_ack_duration_seconds'],
    ['stateway_lanes{stat="parked"}', 'stateway_lanes: no label is called stat'],
    ['stateway_lanes{state="park"}', 'stateway_lanes: state is never park'],
    ['sum by (device) (stateway_lanes)', 'no label to group by is called device'],
    ['1 > 0', 'it asks for no metric'],
  ])('is found out if it does not: %s', async (expr, finding) => {
    expect(findingsIn(expr, await knownMetrics())).toEqual([finding]);
  });
});

describe('the dashboard', () => {
  it('has a row for each thing that is asked about it', () => {
    const rows = DASHBOARD.panels.filter(({ type }) => type === 'row');
    expect(rows.map(({ title }) => title)).toEqual([
      'Traffic',
      'MQTT',
      'Delivery',
      'Spool',
      'Replicas',
      'Cloud',
      'Resources',
    ]);
  });

  it('shows every metric of the proxy', async () => {
    const shown = DASHBOARD.panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => askedBy(expr).selectors),
    );
    const names = new Set(shown.map(({ metric }) => metric.replace(/_(bucket|sum|count)$/, '')));
    const own = [...parseExposition((await createMetrics(new FakeSources()).render()).body).keys()].filter((name) =>
      name.startsWith('stateway_'),
    );
    expect(own.filter((name) => !names.has(name))).toEqual([]);
  });

  it('lets the data source, the namespace and the pod be chosen, and asks by them', () => {
    expect(DASHBOARD.templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['namespace', 'query'],
      ['pod', 'query'],
    ]);
    const text = JSON.stringify(DASHBOARD.panels);
    expect(new Set([...text.matchAll(/"uid":"([^"]*)"/g)].map(([, uid]) => uid))).toEqual(new Set(['$datasource']));
    const variables = new Set([...text.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name));
    expect(variables).toEqual(new Set(['datasource', 'namespace', 'pod', '__rate_interval']));
  });

  it('has panels with numbers of their own that do not overlap', () => {
    const { panels } = DASHBOARD;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBeLessThanOrEqual(24);
  });
});
