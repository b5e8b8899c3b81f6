import { METRICS, type MetricName } from '../measure/metrics.js';
import type { Measure } from '../measure/recorder.js';
import { SUBJECT_TITLES, type SubjectName } from '../subjects/subject.js';
import type { BarPanel, LinePanel } from './panel.js';

/** Synced writes stand in no chart beside a server. */
const HUES: Readonly<Record<SubjectName, number>> = {
  stateway: 0,
  bare: 1,
  nginx: 2,
  forwarder: 3,
  haproxy: 4,
  mosquitto: 3,
  append: 1,
  overwrite: 2,
};

/** A group of bars for each scenario that has the metric, a bar for each subject. */
export function subjectBars(title: string, measures: readonly Measure[], metric: MetricName): BarPanel {
  const rows = measures.filter((measure) => measure.metric === metric);
  const groups = [...new Set(rows.map(({ scenario }) => scenario))];
  const subjects = [...new Set(rows.map(({ subject }) => subject))];
  const medianOf = (scenario: string, subject: SubjectName) =>
    rows.find((row) => row.scenario === scenario && row.subject === subject)?.median;
  return {
    kind: 'bars',
    title,
    unit: METRICS[metric].unit,
    groups,
    series: subjects.map((subject) => ({
      name: SUBJECT_TITLES[subject],
      hue: HUES[subject],
      values: groups.map((scenario) => medianOf(scenario, subject)),
    })),
  };
}

/** A line for each subject over the values that the scenarios stand for, in that order. */
export function subjectLines(
  title: string,
  xTitle: string,
  measures: readonly Measure[],
  metric: MetricName,
  scenarios: ReadonlyMap<string, number>,
): LinePanel {
  const rows = measures.filter((measure) => measure.metric === metric && scenarios.has(measure.scenario));
  const subjects = [...new Set(rows.map(({ subject }) => subject))];
  return {
    kind: 'lines',
    title,
    unit: METRICS[metric].unit,
    xTitle,
    xScale: 'log',
    series: subjects.map((subject) => ({
      name: SUBJECT_TITLES[subject],
      hue: HUES[subject],
      points: rows
        .filter((row) => row.subject === subject)
        .map((row) => [scenarios.get(row.scenario) as number, row.median] as const),
    })),
  };
}
