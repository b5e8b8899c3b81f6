import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { notHere } from '../helpers/fault-form.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { K8S, readObjects } from './manifests.js';

interface Alert {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
interface RuleGroup {
  readonly name: string;
  readonly rules: readonly (Alert | { readonly record: string; readonly expr: string })[];
}
interface UnitTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
  }[];
}

const GROUPS: RuleGroup[] = readObjects('monitoring/prometheus-rule.yaml')[0]?.spec.groups;
const ALERTS = GROUPS.flatMap(({ rules }) => rules.filter((rule) => 'alert' in rule));
const NAMES = ALERTS.map(({ alert }) => alert);
const UNIT_TESTS = join(import.meta.dirname, 'alerts');
const UNIT_TEST_FILES = readdirSync(UNIT_TESTS);
const RUNBOOK = readFileSync(join(K8S, '..', 'docs/runbook.md'), 'utf8');

/** What every section of an alert says, in this order. */
const PARAGRAPHS = ['**What it means.**', '**Look first.**', '**What to do.**', '**Safe to wait?**'];

/** Runs promtool on the rules as Prometheus gets them; returns what it says, and throws what it says when it fails. */
function promtool(groups: readonly RuleGroup[], ...args: string[]): string {
  const cwd = temporaryDirectory();
  cpSync(UNIT_TESTS, cwd, { recursive: true });
  writeFileSync(join(cwd, 'rules.yaml'), stringify({ groups }));
  return execFileSync('promtool', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function whyNoPromtool(): string | undefined {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return `promtool cannot be run (${(error as NodeJS.ErrnoException).code}); it is in Debian's package prometheus`;
  }
}

/** The groups with one alert changed. */
function withAlert(name: string, change: object): RuleGroup[] {
  return GROUPS.map(({ name: group, rules }) => ({
    name: group,
    rules: rules.map((rule) => ('alert' in rule && rule.alert === name ? { ...rule, ...change } : rule)),
  }));
}

describe('the rules', () => {
  it('are what Prometheus takes', ({ skip }) => {
    const reason = whyNoPromtool();
    if (reason !== undefined) return skip(notHere('the check of the rules', reason));
    const count = GROUPS.flatMap(({ rules }) => rules).length;
    expect(promtool(GROUPS, 'check', 'rules', 'rules.yaml')).toContain(`SUCCESS: ${count} rules found`);
    const broken = withAlert('StatewayCloudUnreachable', { expr: 'stateway_upstream_up ==' });
    expect(() => promtool(broken, 'check', 'rules', 'rules.yaml')).toThrow('parse error');
  });

  it('are the language that the dashboard asks in too', ({ skip }) => {
    const reason = whyNoPromtool();
    if (reason !== undefined) return skip(notHere("the check of the dashboard's queries", reason));
    const { panels } = JSON.parse(
      readFileSync(join(K8S, 'chart/monitoring/stateway-dashboard.json'), 'utf8'),
    ) as Dashboard;
    const rules = panels.flatMap(({ id, targets = [] }) =>
      targets.map(({ expr, refId }) => ({
        record: `panel:${id}:${refId}`,
        expr: expr.replaceAll('$__rate_interval', '5m'),
      })),
    );
    expect(promtool([{ name: 'dashboard', rules }], 'check', 'rules', 'rules.yaml')).toContain(
      `SUCCESS: ${rules.length} rules found`,
    );
  });

  it.for(UNIT_TEST_FILES)('fire when they should, and only then: %s', (file, { skip }) => {
    const reason = whyNoPromtool();
    if (reason !== undefined) return skip(notHere(`the unit tests of the rules in ${file}`, reason));
    expect(promtool(GROUPS, 'test', 'rules', file)).toContain('SUCCESS');
  });

  it('that never fire, or fire too early, are found out', ({ skip }) => {
    const reason = whyNoPromtool();
    if (reason !== undefined) return skip(notHere('the unit tests of changed rules', reason));
    for (const change of [{ expr: 'stateway_upstream_up == 2' }, { for: '1m' }, { labels: { severity: 'critical' } }]) {
      const changed = withAlert('StatewayCloudUnreachable', change);
      expect(() => promtool(changed, 'test', 'rules', 'cloud.yaml')).toThrow('StatewayCloudUnreachable');
    }
  });

  it('each have a unit test in which they fire, and one in which they do not', () => {
    const cases = UNIT_TEST_FILES.flatMap((file) => {
      const { tests } = parse(readFileSync(join(UNIT_TESTS, file), 'utf8')) as UnitTests;
      return tests.flatMap(({ alert_rule_test }) => alert_rule_test);
    });
    const tested = (fires: boolean) =>
      new Set(cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname));
    expect([...tested(true)].sort()).toEqual([...NAMES].sort());
    expect([...tested(false)].sort()).toEqual([...NAMES].sort());
  });
});

describe('the rules for a Prometheus without Kubernetes', () => {
  const PLAIN = join(K8S, '../packaging/prometheus/stateway.rules.yaml');

  it('are what "npm run docs" makes of those of the chart', () => {
    const script = join(K8S, 'plain-rules.mjs');
    expect(() => execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' })).not.toThrow();
  });

  it.for(UNIT_TEST_FILES)('fire as the others do, by the label that a target has there: %s', (file, { skip }) => {
    const reason = whyNoPromtool();
    if (reason !== undefined) return skip(notHere(`the unit tests of the plain rules in ${file}`, reason));
    const cwd = temporaryDirectory();
    cpSync(PLAIN, join(cwd, 'rules.yaml'));
    const asked = readFileSync(join(UNIT_TESTS, file), 'utf8')
      .replaceAll(/namespace="stateway", pod=/g, 'instance=')
      .replaceAll(/namespace: stateway, pod:/g, 'instance:')
      .replaceAll('{pod=', '{instance=');
    writeFileSync(join(cwd, file), asked);
    const told = execFileSync('promtool', ['test', 'rules', file], { cwd, encoding: 'utf8', stdio: 'pipe' });
    expect(told).toContain('SUCCESS');
  });
});

describe('an alert', () => {
  it.each(ALERTS.map((alert) => [alert.alert, alert] as const))(
    'says what it is, and where more is said: %s',
    (name, alert) => {
      expect(name).toMatch(/^Stateway[A-Z]/);
      expect(alert.labels).toEqual({ severity: expect.stringMatching(/^(warning|critical)$/) });
      expect(Object.keys(alert.annotations)).toEqual(['summary', 'description', 'runbook_url']);
      expect(alert.annotations.summary).toMatch(/\.$/);
      expect(alert.annotations.description).toMatch(/^[A-Z].*\.$/);
      expect(alert.annotations.runbook_url).toBe(`docs/runbook.md#${name.toLowerCase()}`);
    },
  );

  it('has a name of its own', () => {
    expect(new Set(NAMES).size).toBe(NAMES.length);
  });
});

describe('the runbook', () => {
  const sections = new Map(
    RUNBOOK.split(/^## /m)
      .slice(1)
      .map((section) => [section.split('\n', 1)[0] as string, section] as const),
  );

  it('has a section for each alert, in the order of the rules, and none for another', () => {
    expect([...sections.keys()].filter((title) => title.startsWith('Stateway'))).toEqual(NAMES);
  });

  it.each(NAMES)('says what it means, where to look, what to do and whether it can wait: %s', (name) => {
    const section = sections.get(name) ?? '';
    const places = PARAGRAPHS.map((paragraph) => section.indexOf(paragraph));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });
});
