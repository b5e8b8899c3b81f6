import { expect, it } from 'vitest';
import { causeOf } from '../../src/core/dead-letter.js';

it.each([
  [400, 'refused'],
  [422, 'refused'],
  [413, 'too_large'],
  [404, 'no_such_device'],
  [0, 'too_old'],
] as const)('a state that was given up with %i was %s', (status, cause) => {
  expect(causeOf({ status })).toBe(cause);
});

it.each([500, 0])('one that is held apart is that, whatever the cloud answered (%i)', (status) => {
  expect(causeOf({ status, isHeldApart: true })).toBe('held_apart');
});
