import type { BenchResult } from '../benches/bench-run.js';
import { METRICS } from '../measure/metrics.js';
import type { Measure } from '../measure/recorder.js';
import { type CpuCost, ROLES } from '../measure/thread-costs.js';
import { PEERS, SUBJECT_TITLES, type SubjectName } from '../subjects/subject.js';
import { figure, ratio, textTable } from './text-table.js';

/** All that a bench found, for a terminal. */
export function benchReport(result: BenchResult): string {
  const notes = result.notes.map((note) => `note: ${note}`);
  const parts = [measuresTable(result.measures), costTable(result.cpu), accountLine(result), ...notes];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** A row for each metric of each scenario: Stateway's median and range, each peer's median, and the ratios. */
function measuresTable(measures: readonly Measure[]): string {
  const peers = PEERS.filter((peer) => measures.some(({ subject }) => subject === peer));
  const rows = new Map<string, Measure[]>();
  for (const measure of measures) {
    const key = `${measure.scenario}: ${measure.metric}`;
    rows.set(key, [...(rows.get(key) ?? []), measure]);
  }
  const head = ['', 'Stateway', 'from … to', ...peers.flatMap((peer) => [SUBJECT_TITLES[peer], 'ratio']), 'unit'];
  const lines = Array.from(rows, ([title, row]) => {
    const { unit, digits, hasRatio } = METRICS[(row[0] as Measure).metric];
    const own = find(row, 'stateway');
    const range = own === undefined ? '–' : `${figure(own.min, digits)} … ${figure(own.max, digits)}`;
    const cells = peers.flatMap((peer) => {
      const theirs = find(row, peer);
      const to = own?.ratios[peer];
      return [
        theirs === undefined ? '' : figure(theirs.median, digits),
        to === undefined || !hasRatio ? '' : ratio(to),
      ];
    });
    return [title, own === undefined ? '' : figure(own.median, digits), range, ...cells, unit];
  });
  return textTable(head, lines);
}

function find(row: readonly Measure[], name: SubjectName): Measure | undefined {
  return row.find(({ subject }) => subject === name);
}

/** What a state costs the proxy, by thread. */
function costTable(costs: readonly CpuCost[]): string {
  if (costs.length === 0) return '';
  const head = ['CPU µs a state, user + system', ...ROLES];
  const rows = costs.map(({ scenario, usPerState }) => [
    scenario,
    ...ROLES.map((role) => `${usPerState[role].user.toFixed(2)} + ${usPerState[role].system.toFixed(2)}`),
  ]);
  return textTable(head, rows);
}

function accountLine({ account }: BenchResult): string {
  const { acknowledged, arrived, lost, strange, repeated, throttled } = account;
  const counts = [acknowledged, arrived, lost, strange, repeated, throttled].map((count) => figure(count, 0));
  const words = ['acknowledged', 'arrived', 'lost', 'of the wrong device', 'sent twice', 'answered 429'];
  return words.map((word, i) => `${counts[i]} ${word}`).join(', ');
}
