import { METRICS } from '../measure/metrics.js';
import type { Measure } from '../measure/recorder.js';
import { SUBJECT_TITLES, type SubjectName } from '../subjects/subject.js';
import type { ResultFile } from './result-file.js';

/** Worse by more than this is a verdict. */
const TOLERANCE = 0.1;

/** One figure in two results. */
export interface Comparison {
  /** `http, 256 connections: requests a second, of nginx`. */
  readonly name: string;
  readonly before: number;
  readonly after: number;
  /** How much worse, as a share: 0.2 for a fifth; negative when better. */
  readonly worseBy: number;
  readonly isWorse: boolean;
}

/**
 * Compares what both results hold. Where Stateway was measured beside a peer in both, the ratio to that peer counts,
 * which a slower machine leaves as it is; else its own figure does. Times and memory are compared by ratio with nginx
 * alone: those of the bare handler are too small to divide by.
 * @throws Error when they have nothing in common
 */
export function compareResults(before: ResultFile, after: ResultFile): Comparison[] {
  const names = Object.keys(before.benches).filter((name) => name in after.benches);
  const comparisons = names.flatMap((name) => {
    const find = (file: ResultFile) => judged(file.benches[name]?.measures ?? []);
    return compareMeasures(name, find(before), find(after));
  });
  if (comparisons.length === 0) throw new Error('the two results have no figure in common');
  return comparisons;
}

/** Figures that one result has and the other lacks. */
export function missingFrom(file: ResultFile, other: ResultFile): string[] {
  return Object.entries(other.benches).flatMap(([name, bench]) => {
    const known = new Set(judged(file.benches[name]?.measures ?? []).map(titleOf));
    return judged(bench.measures)
      .map(titleOf)
      .filter((title) => !known.has(title))
      .map((title) => `${name}, ${title}`);
  });
}

function judged(measures: readonly Measure[]): Measure[] {
  return measures.filter(({ subject, metric }) => subject === 'stateway' && METRICS[metric]?.isJudged);
}

function titleOf({ scenario, metric }: Measure): string {
  return `${scenario}: ${metric}`;
}

function compareMeasures(bench: string, before: readonly Measure[], after: readonly Measure[]): Comparison[] {
  return before.flatMap((old) => {
    const found = after.find((measure) => titleOf(measure) === titleOf(old));
    return found === undefined ? [] : comparePair(`${bench}, ${titleOf(old)}`, old, found);
  });
}

function comparePair(name: string, before: Measure, after: Measure): Comparison[] {
  const { better } = METRICS[before.metric];
  const peers = (Object.keys(before.ratios) as SubjectName[]).filter(
    (peer) => after.ratios[peer] !== undefined && (better === 'higher' || peer === 'nginx'),
  );
  if (peers.length === 0) return [compare(name, better, before.median, after.median)];
  return peers.map((peer) =>
    compare(`${name}, of ${SUBJECT_TITLES[peer]}`, better, before.ratios[peer] as number, after.ratios[peer] as number),
  );
}

function compare(name: string, better: 'higher' | 'lower', before: number, after: number): Comparison {
  const change = before === 0 ? 0 : after / before - 1;
  const worseBy = better === 'higher' ? -change : change;
  // What was written with three digits may miss the bound by the last of them.
  return { name, before, after, worseBy, isWorse: worseBy > TOLERANCE + 1e-9 };
}
