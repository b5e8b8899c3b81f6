import { expect, it } from 'vitest';
import {
  ASK_AGAIN_MS,
  MISSING_FOR_MS,
  outcomeOf,
  reasonOf,
  statusOf,
  throttleMs,
  troubleOf,
} from '../../../src/forward/send/outcome.js';
import { answer, LOST, REFUSED } from '../harness.js';

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
  [300, 'retry'],
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

it('a result is told by the status and the words of the cloud, or by why there are none', () => {
  expect([answer(404), LOST, REFUSED].map(statusOf)).toEqual([404, 0, 0]);
  expect(reasonOf(answer(422, undefined, 'no such attribute'))).toBe('no such attribute');
  expect(reasonOf(answer(500))).toBe('the cloud answered 500');
  expect(reasonOf(LOST)).toBe('no answer');
  expect(reasonOf(answer(400, undefined, 'x'.repeat(1_001)))).toBe('x'.repeat(1_000));
  expect(troubleOf(answer(503, undefined, 'busy'))).toEqual({ reason: 'status', words: 'busy', code: '503' });
  expect(troubleOf(REFUSED)).toStrictEqual({ reason: 'refused', words: 'ECONNREFUSED' });
  expect(troubleOf({ ...REFUSED, code: 'ECONNREFUSED' })).toEqual({
    reason: 'refused',
    words: 'ECONNREFUSED',
    code: 'ECONNREFUSED',
  });
});

it('Retry-After goes before the rate window, within reason', () => {
  expect(throttleMs(undefined, 15_000)).toBe(15_000);
  expect(throttleMs(2_000, 15_000)).toBe(2_000);
  expect(throttleMs(0, 15_000)).toBe(0);
  expect(throttleMs(Number.MAX_SAFE_INTEGER, 15_000)).toBe(3_600_000);
});

it('asks again every 5 min of a device that the cloud does not know, and gives its states up after a day', () => {
  expect([ASK_AGAIN_MS, MISSING_FOR_MS]).toEqual([300_000, 86_400_000]);
});
