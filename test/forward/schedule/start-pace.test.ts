import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  MOST_STRETCH,
  STARTS_TOGETHER,
  STRETCH_BELOW_BYTES,
  StartPace,
} from '../../../src/forward/schedule/start-pace.js';

let loadShare: number;
let heldBytes: number;

beforeEach(() => {
  loadShare = 0;
  heldBytes = 0;
});

function paceOf(windowMs: number): StartPace {
  const memory = {
    get heldBytes() {
      return heldBytes;
    },
  };
  return new StartPace(windowMs, { load: { share: () => loadShare }, memory });
}

/** Starts as soon as it may, `count` times; when each was. */
function startsOf(pace: StartPace, count: number, lanes: number, fromMs = 0, isFull = false): number[] {
  const starts: number[] = [];
  let nowMs = fromMs;
  for (let n = 0; n < count; n++) {
    nowMs = Math.max(nowMs, pace.earliestStartMs);
    pace.start(nowMs, lanes, isFull);
    starts.push(nowMs);
  }
  return starts;
}

/** How long a thousand starts of a thousand lanes take. */
function cycleMs(isFull = false): number {
  return startsOf(paceOf(500), 1_001, 1_000, 0, isFull).at(-1) as number;
}

describe('the pace of starts', () => {
  it('lets some start together, and then as many again, over four fifths of the window', () => {
    const starts = startsOf(paceOf(500), 1_000, 1_000);
    const moments = [...new Set(starts)];
    expect(moments).toHaveLength(Math.ceil(1_000 / STARTS_TOGETHER));
    expect(starts.filter((ms) => ms === moments[5])).toHaveLength(STARTS_TOGETHER);
    for (const [n, ms] of moments.entries()) expect(ms).toBeCloseTo((n * STARTS_TOGETHER * 400) / 1_000);
  });

  it('is a start a millisecond at the least, however few the lanes or long the window', () => {
    const starts = startsOf(paceOf(3_600_000), 4 * STARTS_TOGETHER, 1);
    expect(starts.at(-1)).toBeCloseTo(3 * STARTS_TOGETHER);
  });

  it('lets as many start together again after a rest', () => {
    const pace = paceOf(500);
    startsOf(pace, 100, 10);
    const starts = startsOf(pace, STARTS_TOGETHER + 1, 10, 10_000);
    expect(starts.filter((ms) => ms === 10_000)).toHaveLength(STARTS_TOGETHER);
  });

  it('holds nothing back without a window', () => {
    expect(startsOf(paceOf(0), 10_000, 1_000).at(-1)).toBe(0);
  });

  it('always leaves room for each lane once a window', () => {
    const cases = fc.record({
      lanes: fc.integer({ min: 1, max: 5_000 }),
      windowMs: fc.integer({ min: 1, max: 5_000 }),
    });
    fc.assert(
      fc.property(cases, ({ lanes, windowMs }) => {
        const starts = startsOf(paceOf(windowMs), 3 * lanes, lanes);
        expect(starts.at(-1)).toBeLessThanOrEqual(3 * windowMs);
      }),
    );
  });
});

describe('on a busy thread', () => {
  it('moves requests apart, the more the busier it is, and no further than the bound', () => {
    const idleMs = cycleMs();
    const cycles = [0.5, 0.75, 0.8, 0.85, 0.95, 1].map((share) => {
      loadShare = share;
      return cycleMs();
    });
    expect(cycles[0]).toBe(idleMs);
    expect([...new Set(cycles)].sort((a, b) => a - b)).toEqual([...new Set(cycles)]);
    expect(cycles[1]).toBeGreaterThan(idleMs);
    expect(cycles[4]).toBeCloseTo(MOST_STRETCH * idleMs);
    expect(cycles[5]).toBe(cycles[4]);
  });

  it('does so the less the more waits in memory', () => {
    const idleMs = cycleMs();
    loadShare = 1;
    heldBytes = STRETCH_BELOW_BYTES / 2;
    expect(cycleMs()).toBeCloseTo((1 + (MOST_STRETCH - 1) / 2) * idleMs);
    heldBytes = 4 * STRETCH_BELOW_BYTES;
    expect(cycleMs()).toBe(idleMs);
  });

  it('does not for full bodies', () => {
    const idleMs = cycleMs();
    loadShare = 1;
    expect(cycleMs(true)).toBe(idleMs);
  });

  it('is as fast as ever once the thread has time again', () => {
    const pace = paceOf(500);
    loadShare = 1;
    const lastMs = startsOf(pace, 1_000, 1_000).at(-1) as number;
    loadShare = 0;
    const starts = startsOf(pace, 1_001, 1_000, lastMs);
    expect((starts.at(-1) as number) - (starts[STARTS_TOGETHER] as number)).toBeLessThanOrEqual(400);
  });
});
