import { PEERS, type SubjectName } from '../subjects/subject.js';
import { type Figures, METRICS, type MetricName } from './metrics.js';

/** One metric of one subject in one scenario, over all runs. */
export interface Measure {
  /** What was varied: `256 connections`. */
  readonly scenario: string;
  readonly metric: MetricName;
  readonly subject: SubjectName;
  readonly runs: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Stateway's median by that of each peer that was measured with it. */
  readonly ratios: Readonly<Partial<Record<SubjectName, number>>>;
}

/** Gathers what runs measure, and sums it up. */
export class Recorder {
  readonly #runs = new Map<string, { scenario: string; metric: MetricName; subject: SubjectName; runs: number[] }>();

  add(scenario: string, metric: MetricName, subject: SubjectName, value: number): void {
    const key = keyOf(scenario, metric, subject);
    const row = this.#runs.get(key) ?? { scenario, metric, subject, runs: [] };
    row.runs.push(value);
    this.#runs.set(key, row);
  }

  /** Adds several metrics of one run. */
  addAll(scenario: string, subject: SubjectName, values: Figures): void {
    for (const metric of Object.keys(METRICS) as MetricName[]) {
      const value = values[metric];
      if (value !== undefined) this.add(scenario, metric, subject, value);
    }
  }

  /** The median so far; undefined when there was no run. */
  median(scenario: string, metric: MetricName, subject: SubjectName = 'stateway'): number | undefined {
    const runs = this.#runs.get(keyOf(scenario, metric, subject))?.runs;
    return runs === undefined ? undefined : median(runs);
  }

  /** In the order in which each was first measured. */
  measures(): Measure[] {
    return Array.from(this.#runs.values(), (row) => ({
      ...row,
      median: median(row.runs),
      min: Math.min(...row.runs),
      max: Math.max(...row.runs),
      ratios: row.subject === 'stateway' ? this.#ratios(row.scenario, row.metric, median(row.runs)) : {},
    }));
  }

  #ratios(scenario: string, metric: MetricName, own: number): Measure['ratios'] {
    const ratios: Partial<Record<SubjectName, number>> = {};
    for (const peer of PEERS) {
      const theirs = this.median(scenario, metric, peer);
      if (theirs !== undefined && theirs !== 0) ratios[peer] = own / theirs;
    }
    return ratios;
  }
}

function keyOf(scenario: string, metric: MetricName, subject: SubjectName): string {
  return [scenario, metric, subject].join('\n');
}

/** The middle of the values, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('no values');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
