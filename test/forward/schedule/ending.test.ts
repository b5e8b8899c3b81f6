import { expect, it } from 'vitest';
import { AnswerTimes } from '../../../src/forward/schedule/ending.js';

const SETTLE_MS = 250;

/** Answers at these times, each after so long. */
function answered(times: AnswerTimes, ...answers: (readonly [startedMs: number, tookMs: number])[]): AnswerTimes {
  for (const [startedMs, tookMs] of answers) times.end(times.start(startedMs), startedMs + tookMs);
  return times;
}

it('takes a second as usual before the first answer', () => {
  expect(new AnswerTimes().expectedMs(0)).toBe(1_500 + SETTLE_MS);
});

it('goes by the longest of the last ten to twenty seconds', () => {
  const times = answered(new AnswerTimes(), [0, 40], [100, 3_000], [4_000, 20]);
  expect(times.expectedMs(5_000)).toBe(4_500 + SETTLE_MS);
  answered(times, [10_100, 20]);
  expect(times.expectedMs(10_200)).toBe(4_500 + SETTLE_MS);
  answered(times, [20_200, 30], [30_300, 10]);
  expect(times.expectedMs(30_400)).toBe(45 + SETTLE_MS);
});

it('goes by the oldest request that is out, if that is longer', () => {
  const times = answered(new AnswerTimes(), [0, 100]);
  const first = times.start(200);
  times.start(5_000);
  expect(times.expectedMs(6_200)).toBe(9_000 + SETTLE_MS);
  times.end(first, 6_200);
  expect(times.expectedMs(6_200)).toBe(9_000 + SETTLE_MS);
});
