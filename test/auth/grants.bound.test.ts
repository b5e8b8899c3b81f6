import { beforeEach, expect, it } from 'vitest';
import { DenialCache } from '../../src/auth/denial-cache.js';
import { Grants } from '../../src/auth/grants.js';
import type { KeptGrant } from '../../src/auth/kept-grant.js';
import { StatewayError } from '../../src/core/errors.js';
import { FakeClock } from '../helpers/fake-clock.js';

const APPLICATION = 'abcdef0123456789abcdef01';
const DEVICE = 'fedcba9876543210fedcba98';
const OTHER_DEVICE = 'fedcba9876543210fedcba99';

let dropped: KeptGrant[];

beforeEach(() => {
  dropped = [];
});

function createGrants(maxGrants: number): Grants {
  const clock = new FakeClock();
  const watcher = { onConfirmed() {}, onDropped: (grant: KeptGrant) => dropped.push(grant), onEnded() {} };
  return new Grants({ maxGrants, clock, cloudNowMs: () => undefined, denials: new DenialCache(100, clock), watcher });
}

/** The id of device number `i`. */
function deviceId(i: number): string {
  return i.toString(16).padStart(24, '0');
}

it('is exact, and the least recently used device goes first', () => {
  const grants = createGrants(3);
  for (const i of [1, 2, 3]) grants.add('token', APPLICATION, deviceId(i), 'read', 'yes');
  grants.find('token', APPLICATION, deviceId(1));
  grants.add('token', APPLICATION, deviceId(4), 'read', 'yes');
  expect(grants.size).toBe(3);
  const kept = [1, 2, 3, 4].filter((i) => grants.find('token', APPLICATION, deviceId(i)));
  expect(kept).toEqual([1, 3, 4]);
  expect(dropped.map(({ device }) => device.deviceId)).toEqual([deviceId(2)]);
});

it('is the same where all were known while there was plenty of room', () => {
  const grants = createGrants(40);
  for (let i = 1; i <= 40; i++) {
    grants.add('token', APPLICATION, deviceId(i), 'read', 'yes');
    grants.find('token', APPLICATION, deviceId(i));
  }
  // The first came when nobody had to go soon, and so did the second, which is not used any more.
  grants.find('token', APPLICATION, deviceId(1));
  grants.add('token', APPLICATION, deviceId(41), 'read', 'yes');
  expect(dropped.map(({ device }) => device.deviceId)).toEqual([deviceId(2)]);
});

it('counts every grant of a device', () => {
  const grants = createGrants(4);
  for (const token of ['token1', 'token2', 'token3']) grants.add(token, APPLICATION, deviceId(1), 'read', 'yes');
  grants.add('token', APPLICATION, deviceId(2), 'read', 'yes');
  expect(grants.size).toBe(4);
  grants.add('token', APPLICATION, deviceId(3), 'read', 'yes');
  // One more than fits: the device used longest ago goes, with all three of its grants.
  expect(grants.find('token1', APPLICATION, deviceId(1))).toBeUndefined();
  expect(grants.size).toBe(2);
});

it('holds for one device with many tokens, of which the oldest goes', () => {
  const grants = createGrants(2);
  for (const token of ['token1', 'token2', 'token3']) grants.add(token, APPLICATION, DEVICE, 'read', 'yes');
  const kept = ['token1', 'token2', 'token3'].filter((token) => grants.find(token, APPLICATION, DEVICE));
  expect(kept).toEqual(['token2', 'token3']);
});

it('keeps the newest grant where there is room for one', () => {
  const grants = createGrants(1);
  grants.add('token1', APPLICATION, DEVICE, 'read', 'yes');
  const newest = grants.add('token2', APPLICATION, DEVICE, 'read', 'yes');
  expect(grants.find('token2', APPLICATION, DEVICE)).toBe(newest);
});

it('does not let a device that logs in again and again push the others out', () => {
  const grants = createGrants(1_000);
  grants.add('token', APPLICATION, OTHER_DEVICE, 'read', 'yes');
  for (let i = 0; i < 1_000; i++) grants.add(`token${i}`, APPLICATION, DEVICE, 'read', 'yes');
  expect(grants.find('token', APPLICATION, OTHER_DEVICE)).toBeDefined();
  expect(grants.size).toBeLessThan(100);
  expect(dropped).toHaveLength(1_001 - grants.size);
});

it('knows a token as long as a grant of it is at hand', () => {
  const grants = createGrants(2);
  const ended = grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
  grants.add('token', APPLICATION, DEVICE, 'read', 'yes');
  grants.add('token', APPLICATION, OTHER_DEVICE, 'read', 'yes');
  ended.end(new StatewayError('STATEWAY_NO_SUCH_DEVICE', 'gone'));
  expect(grants.hasToken('token')).toBe(true);
  // Both push what was there out.
  grants.add('token2', APPLICATION, deviceId(1), 'read', 'yes');
  grants.add('token3', APPLICATION, deviceId(2), 'read', 'yes');
  expect(['token', 'token2', 'token3'].map((token) => grants.hasToken(token))).toEqual([false, true, true]);
});

it('forgets a token whose place a newer one of its device has taken', () => {
  const grants = createGrants(1);
  grants.add('token1', APPLICATION, DEVICE, 'read', 'yes');
  grants.add('token2', APPLICATION, DEVICE, 'read', 'yes');
  expect([grants.hasToken('token1'), grants.hasToken('token2')]).toEqual([false, true]);
});
