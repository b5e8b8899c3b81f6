import { expect, it } from 'vitest';
import { BanList } from '../../../src/simulator/broker/ban-list.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const RULE = { firstMs: 30 * SECOND, maxMs: 60 * MINUTE, quietMs: 15 * MINUTE };

it('bans for twice as long each time, up to the longest', async () => {
  const clock = new FakeClock();
  const bans = new BanList(RULE, clock);
  expect(bans.remainingMs('a')).toBe(0);
  const lengths: number[] = [];
  for (let n = 0; n < 9; n++) {
    lengths.push(bans.ban('a'));
    await clock.advance(bans.remainingMs('a') + MINUTE);
  }
  expect(lengths.map((ms) => ms / SECOND)).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
});

it('ends a ban by itself, and bans nobody else', async () => {
  const clock = new FakeClock();
  const bans = new BanList(RULE, clock);
  bans.ban('a');
  expect(bans.remainingMs('b')).toBe(0);
  await clock.advance(30 * SECOND - 1);
  expect(bans.remainingMs('a')).toBe(1);
  await clock.advance(1);
  expect(bans.remainingMs('a')).toBe(0);
});

it('begins anew after the quiet time, counted from the end of the ban, and when it is cleared', async () => {
  const clock = new FakeClock();
  const bans = new BanList(RULE, clock);
  bans.ban('a');
  await clock.advance(30 * SECOND + 15 * MINUTE - 1);
  expect(bans.ban('a')).toBe(60 * SECOND);
  await clock.advance(60 * SECOND + 15 * MINUTE);
  expect(bans.ban('a')).toBe(30 * SECOND);
  bans.clear();
  expect(bans.remainingMs('a')).toBe(0);
  expect(bans.ban('a')).toBe(30 * SECOND);
});

it('does not care for jumps of the wall clock', () => {
  const clock = new FakeClock();
  const bans = new BanList(RULE, clock);
  bans.ban('a');
  clock.jumpWall(60 * MINUTE);
  expect(bans.remainingMs('a')).toBe(30 * SECOND);
});
