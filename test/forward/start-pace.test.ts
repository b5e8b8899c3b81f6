import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STARTS_TOGETHER, StartPace } from '../../src/forward/start-pace.js';

/** Starts as soon as it may, `count` times; when each was. */
function startsOf(pace: StartPace, count: number, lanes: number, fromMs = 0): number[] {
  const starts: number[] = [];
  let nowMs = fromMs;
  for (let n = 0; n < count; n++) {
    nowMs = Math.max(nowMs, pace.earliestStartMs);
    pace.start(nowMs, lanes);
    starts.push(nowMs);
  }
  return starts;
}

describe('the pace of starts', () => {
  it('lets some start together, and then as many again, over four fifths of the window', () => {
    const starts = startsOf(new StartPace(500), 1_000, 1_000);
    const moments = [...new Set(starts)];
    expect(moments).toHaveLength(Math.ceil(1_000 / STARTS_TOGETHER));
    expect(starts.filter((ms) => ms === moments[5])).toHaveLength(STARTS_TOGETHER);
    for (const [n, ms] of moments.entries()) expect(ms).toBeCloseTo((n * STARTS_TOGETHER * 400) / 1_000);
  });

  it('is a start a millisecond at the least, however few the lanes or long the window', () => {
    const starts = startsOf(new StartPace(3_600_000), 4 * STARTS_TOGETHER, 1);
    expect(starts.at(-1)).toBeCloseTo(3 * STARTS_TOGETHER);
  });

  it('lets as many start together again after a rest', () => {
    const pace = new StartPace(500);
    startsOf(pace, 100, 10);
    const starts = startsOf(pace, STARTS_TOGETHER + 1, 10, 10_000);
    expect(starts.filter((ms) => ms === 10_000)).toHaveLength(STARTS_TOGETHER);
  });

  it('holds nothing back without a window', () => {
    expect(startsOf(new StartPace(0), 10_000, 1_000).at(-1)).toBe(0);
  });

  it('always leaves room for each lane once a window', () => {
    const cases = fc.record({
      lanes: fc.integer({ min: 1, max: 5_000 }),
      windowMs: fc.integer({ min: 1, max: 5_000 }),
    });
    fc.assert(
      fc.property(cases, ({ lanes, windowMs }) => {
        const starts = startsOf(new StartPace(windowMs), 3 * lanes, lanes);
        expect(starts.at(-1)).toBeLessThanOrEqual(3 * windowMs);
      }),
    );
  });
});
