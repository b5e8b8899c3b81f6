import { beforeEach, expect, it } from 'vitest';
import { FullnessWatch, LOOK_EVERY_MS } from '../../../src/app/capacity/fullness-watch.js';
import { FakeClock } from '../../helpers/fake-clock.js';

let clock: FakeClock;
let what: string | undefined;
let told: (number | string)[];
let watch: FullnessWatch;

beforeEach(() => {
  clock = new FakeClock();
  what = undefined;
  told = [];
  watch = new FullnessWatch({
    clock,
    shortage: () => what,
    onFull: (full) => told.push(full),
    onRoom: (_full, fullMs) => told.push(fullMs),
  });
  watch.start();
});

it('tells once that it is full, and once for how long it was', async () => {
  await clock.advance(5 * LOOK_EVERY_MS);
  expect(told).toEqual([]);
  what = 'spool';
  await clock.advance(3 * LOOK_EVERY_MS);
  expect(told).toEqual(['spool']);
  what = undefined;
  await clock.advance(3 * LOOK_EVERY_MS);
  expect(told).toEqual(['spool', 3 * LOOK_EVERY_MS]);
});

it('tells of each time', async () => {
  for (what of ['spool', undefined, 'spool']) await clock.advance(LOOK_EVERY_MS);
  expect(told).toEqual(['spool', LOOK_EVERY_MS, 'spool']);
});

it('tells one from the other', async () => {
  for (what of ['memory', 'spool', undefined]) await clock.advance(LOOK_EVERY_MS);
  expect(told).toEqual(['memory', LOOK_EVERY_MS, 'spool', LOOK_EVERY_MS]);
});

it('leaves no timer when it is stopped', async () => {
  await clock.advance(LOOK_EVERY_MS);
  watch.stop();
  expect(clock.pendingTimers).toBe(0);
});
