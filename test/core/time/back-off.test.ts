import { expect, it } from 'vitest';
import { backOffMs } from '../../../src/core/time/back-off.js';

const BACK_OFF = { firstMs: 1_000, mostMs: 15_000 };

it('doubles with each failure up to the most, and is drawn from its upper half', () => {
  expect([1, 2, 3, 6, 7, 5_000].map((failures) => backOffMs(BACK_OFF, failures, 1))).toEqual([
    1_000, 2_000, 4_000, 15_000, 15_000, 15_000,
  ]);
  expect(backOffMs(BACK_OFF, 3, 0)).toBe(2_000);
  expect(backOffMs(BACK_OFF, 3, 0.5)).toBe(3_000);
  // The step is capped before it is drawn from: half of the most at least.
  expect(backOffMs(BACK_OFF, 10, 0)).toBe(7_500);
});
