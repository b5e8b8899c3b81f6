import type { WeekFacts } from './status-shape.js';

/** What was in one day of the reader's zone. */
export interface DayFigures {
  /** As `Mon 30 Nov`. */
  readonly day: string;
  readonly mostWaiting: number;
  readonly received: number;
  readonly forwarded: number;
  readonly refused: number;
  readonly awaySeconds: number;
  /** Of the proxy: how much of the day was looked at. */
  readonly seenSeconds: number;
}

/** Sums up a week by day, the last day first. @param timeZone of the reader unless given */
export function daysOf(week: WeekFacts, timeZone?: string): DayFigures[] {
  const zone = timeZone === undefined ? {} : { timeZone };
  const format = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', ...zone });
  const days = new Map<string, DayFigures>();
  for (const [index, endedAt] of week.endedAt.entries()) {
    // A step that ends at midnight is of the day before.
    const day = format.format((endedAt - week.stepSeconds / 2) * 1_000).replace(',', '');
    const sum = days.get(day);
    const at = (column: readonly number[]) => column[index] ?? 0;
    days.set(day, {
      day,
      mostWaiting: Math.max(sum?.mostWaiting ?? 0, at(week.states)),
      received: (sum?.received ?? 0) + at(week.received),
      forwarded: (sum?.forwarded ?? 0) + at(week.forwarded),
      refused: (sum?.refused ?? 0) + at(week.refused),
      awaySeconds: (sum?.awaySeconds ?? 0) + (1 - at(week.cloudUp)) * week.stepSeconds,
      seenSeconds: (sum?.seenSeconds ?? 0) + week.stepSeconds,
    });
  }
  return [...days.values()].reverse();
}

/** Where a chart stands on its sheet, in pixels, and what it shows: time to the right, values up. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Seconds since the epoch at its ends. */
  readonly from: number;
  readonly to: number;
  /** At its top; above 0. */
  readonly most: number;
}

/** The line through values as the `d` of a path, with a gap wherever the proxy did not run. */
export function linePath(week: WeekFacts, values: readonly number[], frame: Frame): string {
  return runsOf(week)
    .map((run) =>
      run.map((index, place) => `${place === 0 ? 'M' : 'L'}${pointAt(week, values, frame, index)}`).join(''),
    )
    .join('');
}

/** The same, filled down to 0. */
export function areaPath(week: WeekFacts, values: readonly number[], frame: Frame): string {
  const floor = round(frame.top + frame.height);
  return runsOf(week)
    .map((run) => {
      const [first, last] = [run[0] as number, run.at(-1) as number];
      const line = run.map((index) => `L${pointAt(week, values, frame, index)}`).join('');
      return `M${xAt(week, frame, first)} ${floor}${line}L${xAt(week, frame, last)} ${floor}Z`;
    })
    .join('');
}

/** From when to when the cloud was away, in seconds since the epoch: steps in which it was so for half the time or more. */
export function awaySpans(week: WeekFacts): { readonly from: number; readonly to: number }[] {
  const spans: { from: number; to: number }[] = [];
  for (const [index, endedAt] of week.endedAt.entries()) {
    if ((week.cloudUp[index] ?? 1) > 0.5) continue;
    const last = spans.at(-1);
    const from = endedAt - week.stepSeconds;
    if (last !== undefined && from <= last.to) last.to = endedAt;
    else spans.push({ from, to: endedAt });
  }
  return spans;
}

/** For how long the cloud was away in all, shorter times than {@link awaySpans} shows among it. */
export function awaySecondsOf({ cloudUp, stepSeconds }: WeekFacts): number {
  return Math.round(cloudUp.reduce((sum, up) => sum + (1 - up) * stepSeconds, 0));
}

/** A round number that nothing is above: 1, 2 or 5 and zeros. */
export function roundAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return power * ([1, 2, 5, 10].find((times) => value <= times * power) ?? 10);
}

/** The steps that follow each other without a gap, by their indexes. */
function runsOf({ endedAt, stepSeconds }: WeekFacts): number[][] {
  const runs: number[][] = [];
  for (const [index, end] of endedAt.entries()) {
    const before = endedAt[index - 1];
    if (before === undefined || end - before > 1.5 * stepSeconds) runs.push([]);
    runs.at(-1)?.push(index);
  }
  return runs;
}

function pointAt(week: WeekFacts, values: readonly number[], frame: Frame, index: number): string {
  const share = Math.min(1, (values[index] ?? 0) / frame.most);
  return `${xAt(week, frame, index)} ${round(frame.top + frame.height * (1 - share))}`;
}

function xAt(week: WeekFacts, frame: Frame, index: number): number {
  return xOf(week.endedAt[index] ?? 0, frame);
}

/** Where a time stands, in pixels. */
export function xOf(seconds: number, { left, width, from, to }: Frame): number {
  return round(left + (width * (seconds - from)) / (to - from));
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
