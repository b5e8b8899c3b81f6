import { describe, expect, it } from 'vitest';
import type { WeekFacts } from '../../../src/admin/status-page/status-shape.js';
import {
  areaPath,
  awaySecondsOf,
  awaySpans,
  daysOf,
  type Frame,
  linePath,
  roundAbove,
} from '../../../src/admin/status-page/week-figures.js';

const MIDNIGHT = Date.UTC(2026, 0, 5) / 1_000;

/** Steps that end so many steps after midnight. */
function week(ends: readonly number[], changes: Partial<WeekFacts> = {}): WeekFacts {
  const ones = ends.map(() => 1);
  const endedAt = ends.map((end) => MIDNIGHT + 300 * end);
  const rest = { states: ones, bytes: ones, received: ones, forwarded: ones, refused: ones, deadLetters: ones };
  return { stepSeconds: 300, endedAt, ...rest, cloudUp: ones, ...changes };
}

const FRAME: Frame = { left: 10, top: 5, width: 100, height: 50, from: MIDNIGHT, to: MIDNIGHT + 3_000, most: 10 };

describe('a day', () => {
  it('is one of the reader’s zone, the last one first', () => {
    const figures = week([-1, 0, 1], { states: [3, 9, 4], received: [10, 20, 30], cloudUp: [1, 0.5, 0] });
    expect(daysOf(figures, 'UTC')).toEqual([
      {
        day: 'Mon 5 Jan',
        mostWaiting: 4,
        received: 30,
        forwarded: 1,
        refused: 1,
        awaySeconds: 300,
        seenSeconds: 300,
      },
      {
        day: 'Sun 4 Jan',
        mostWaiting: 9,
        received: 30,
        forwarded: 2,
        refused: 2,
        awaySeconds: 150,
        seenSeconds: 600,
      },
    ]);
    expect(daysOf(figures, 'Asia/Tokyo').map(({ day }) => day)).toEqual(['Mon 5 Jan']);
    expect(daysOf(week([]), 'UTC')).toEqual([]);
  });
});

describe('a line', () => {
  it('stands where its times and values are, and breaks where the proxy did not run', () => {
    const figures = week([1, 2, 5, 6]);
    expect(linePath(figures, [0, 5, 10, 20], FRAME)).toBe('M20 55L30 30M60 5L70 5');
    expect(areaPath(figures, [0, 5, 10, 20], FRAME)).toBe('M20 55L20 55L30 30L30 55ZM60 55L60 5L70 5L70 55Z');
    expect(linePath(week([]), [], FRAME)).toBe('');
  });
});

it('the cloud was away for the steps in which it was so for half the time, together where they follow each other', () => {
  const spans = awaySpans(week([1, 2, 3, 4, 9], { cloudUp: [0, 0.5, 0.6, 1, 0.2] }));
  expect(spans.map(({ from, to }) => [(from - MIDNIGHT) / 300, (to - MIDNIGHT) / 300])).toEqual([
    [0, 2],
    [8, 9],
  ]);
});

it('the time for which it was away has shorter times in it too', () => {
  expect(awaySecondsOf(week([1, 2, 3], { cloudUp: [1, 0.8, 0.5] }))).toBe(210);
  expect(awaySecondsOf(week([1, 2]))).toBe(0);
});

it.each([
  [0, 1],
  [1, 1],
  [1.2, 2],
  [3, 5],
  [51, 100],
  [100, 100],
  [1_234, 2_000],
])('above %d stands %d', (value, most) => {
  expect(roundAbove(value)).toBe(most);
});
