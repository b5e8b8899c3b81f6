import { expect, it } from 'vitest';
import { backoffMs, outcomeOf, throttleMs } from '../../src/forward/outcome.js';
import { answer, LOST, REFUSED } from './harness.js';

it.each([
  [200, 'settle'],
  [204, 'settle'],
  [299, 'settle'],
  [400, 'bisect'],
  [422, 'bisect'],
  [401, 'unauthorized'],
  [403, 'unauthorized'],
  [404, 'missing'],
  [413, 'halve'],
  [429, 'throttle'],
  [199, 'retry'],
  [301, 'retry'],
  [405, 'retry'],
  [408, 'retry'],
  [500, 'retry'],
  [599, 'retry'],
])('%i: %s', (status, outcome) => {
  expect(outcomeOf(answer(status))).toBe(outcome);
});

it('no answer: sent again', () => {
  expect(outcomeOf(LOST)).toBe('retry');
  expect(outcomeOf(REFUSED)).toBe('retry');
});

it('back-off doubles to 15 s and is drawn from its upper half', () => {
  expect([1, 2, 3, 6, 7, 5_000].map((failures) => backoffMs(failures, 1))).toEqual([
    1_000, 2_000, 4_000, 15_000, 15_000, 15_000,
  ]);
  expect(backoffMs(3, 0)).toBe(2_000);
});

it('Retry-After goes before the rate window, within reason', () => {
  expect(throttleMs(undefined, 15_000)).toBe(15_000);
  expect(throttleMs(2_000, 15_000)).toBe(2_000);
  expect(throttleMs(Number.MAX_SAFE_INTEGER, 15_000)).toBe(3_600_000);
});
