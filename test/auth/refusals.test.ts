import { beforeEach, expect, it } from 'vitest';
import { Refusals, tripleOf } from '../../src/auth/refusals.js';
import { Device } from '../../src/core/device.js';
import { StatewayError } from '../../src/core/errors.js';
import { FakeClock } from '../helpers/fake-clock.js';

const ERROR = new StatewayError('STATEWAY_NOT_GRANTED', 'no');
const OTHER_ERROR = new StatewayError('STATEWAY_TOKEN_REFUSED', 'no');

let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock();
});

it('remembers a refusal for 30 seconds and no longer', async () => {
  const refusals = new Refusals(10, clock);
  expect(refusals.find('triple')).toBeUndefined();
  refusals.add('triple', ERROR);
  await clock.advance(29_999);
  expect(refusals.find('triple')).toBe(ERROR);
  await clock.advance(1);
  expect(refusals.find('triple')).toBeUndefined();
});

it('does not measure the 30 seconds by the wall clock, which may jump', async () => {
  const refusals = new Refusals(10, clock);
  refusals.add('triple', ERROR);
  clock.jumpWall(3_600_000);
  expect(refusals.find('triple')).toBe(ERROR);
  clock.jumpWall(-7_200_000);
  await clock.advance(30_000);
  expect(refusals.find('triple')).toBeUndefined();
});

it('counts the 30 seconds of a triple from its last refusal', async () => {
  const refusals = new Refusals(10, clock);
  refusals.add('triple', ERROR);
  await clock.advance(20_000);
  refusals.add('triple', OTHER_ERROR);
  await clock.advance(29_999);
  expect(refusals.find('triple')).toBe(OTHER_ERROR);
});

it('holds as many as it was told, and forgets the longest unused', () => {
  const refusals = new Refusals(3, clock);
  for (const triple of ['a', 'b', 'c']) refusals.add(triple, ERROR);
  refusals.find('a');
  refusals.add('d', ERROR);
  expect(['a', 'b', 'c', 'd'].filter((triple) => refusals.find(triple))).toEqual(['a', 'c', 'd']);
});

it('has one key for a triple however its ids are spelled, and another for each other triple', () => {
  const [a, b] = ['a'.repeat(24), 'b'.repeat(24)];
  const key = tripleOf('token', new Device(a, b));
  expect(tripleOf('token', new Device(a.toUpperCase(), b.toUpperCase()))).toBe(key);
  const others = [
    tripleOf('Token', new Device(a, b)),
    tripleOf('token', new Device(b, a)),
    tripleOf('token', new Device(a, a)),
  ];
  expect(new Set([key, ...others]).size).toBe(4);
});
