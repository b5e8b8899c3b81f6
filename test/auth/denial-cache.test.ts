import { beforeEach, expect, it } from 'vitest';
import { DenialCache, refusalFor, tripleOf } from '../../src/auth/denial-cache.js';
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
  const denials = new DenialCache(10, clock);
  expect(denials.find('triple')).toBeUndefined();
  denials.add('triple', ERROR);
  await clock.advance(29_999);
  expect(denials.find('triple')).toBe(ERROR);
  await clock.advance(1);
  expect(denials.find('triple')).toBeUndefined();
});

it('does not measure the 30 seconds by the wall clock, which may jump', async () => {
  const denials = new DenialCache(10, clock);
  denials.add('triple', ERROR);
  clock.jumpWall(3_600_000);
  expect(denials.find('triple')).toBe(ERROR);
  clock.jumpWall(-7_200_000);
  await clock.advance(30_000);
  expect(denials.find('triple')).toBeUndefined();
});

it('counts the 30 seconds of a triple from its last refusal', async () => {
  const denials = new DenialCache(10, clock);
  denials.add('triple', ERROR);
  await clock.advance(20_000);
  denials.add('triple', OTHER_ERROR);
  await clock.advance(29_999);
  expect(denials.find('triple')).toBe(OTHER_ERROR);
});

it('holds as many as it was told, and forgets the longest unused', () => {
  const denials = new DenialCache(3, clock);
  for (const triple of ['a', 'b', 'c']) denials.add(triple, ERROR);
  denials.find('a');
  denials.add('d', ERROR);
  expect(['a', 'b', 'c', 'd'].filter((triple) => denials.find(triple))).toEqual(['a', 'c', 'd']);
});

it('keeps a refusal for another time where it is told one', async () => {
  const denials = new DenialCache(10, clock);
  denials.add('triple', ERROR, 5_000);
  await clock.advance(4_999);
  expect(denials.find('triple')).toBe(ERROR);
  await clock.advance(1);
  expect(denials.find('triple')).toBeUndefined();
});

it('is bounded in bytes too, however long the cloud makes its messages', () => {
  const denials = new DenialCache(1_000_000, clock);
  const longWinded = new StatewayError('STATEWAY_NOT_GRANTED', 'x'.repeat(1_000));
  for (let i = 0; i < 20_000; i++) denials.add(`triple ${i}`, longWinded);
  expect(denials.size * 2_000).toBeLessThan(16 * 1024 * 1024);
  expect(denials.size).toBeGreaterThan(1_000);
  expect(denials.find('triple 19999')).toBe(longWinded);
});

it('takes a key of the same size for a token of any length, with nothing of the token in it', () => {
  const device = new Device('a'.repeat(24), 'b'.repeat(24));
  const long = tripleOf('secret token '.repeat(1_000), device);
  expect(long).toHaveLength(tripleOf('t', device).length);
  expect(long).not.toContain('secret');
});

it.each([
  [401, 'STATEWAY_TOKEN_REFUSED'],
  [403, 'STATEWAY_NOT_GRANTED'],
  [404, 'STATEWAY_NO_SUCH_DEVICE'],
])('takes a %i for %s', (status, code) => {
  expect(refusalFor(status, 'what the cloud said')).toMatchObject({ code, message: 'what the cloud said' });
});

it.each([200, 400, 402, 408, 410, 429, 500, 503])('takes a %i for no verdict', (status) => {
  expect(refusalFor(status, '')).toBeUndefined();
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
