import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SlidingWindow } from '../../src/simulator/sliding-window.js';

it('counts what happened less than a window ago, and remembers the most it saw', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 3_000 });
  fc.assert(
    fc.property(gaps, (gapsMs) => {
      const window = new SlidingWindow(100);
      const times: number[] = [];
      let nowMs = 0;
      let max = 0;
      for (const gapMs of gapsMs) {
        nowMs += gapMs;
        times.push(nowMs);
        const expected = times.slice(-200_000).reduce((count, time) => count + (time > nowMs - 100 ? 1 : 0), 0);
        max = Math.max(max, expected);
        expect(window.add(nowMs)).toBe(expected);
      }
      expect(window.max).toBe(max);
    }),
    { numRuns: 20 },
  );
});

it('forgets in bulk without losing count', () => {
  const window = new SlidingWindow(10);
  for (let nowMs = 0; nowMs < 5_000; nowMs++) expect(window.add(nowMs)).toBe(Math.min(nowMs + 1, 10));
});
