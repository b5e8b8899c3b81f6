import { beforeEach, expect, it } from 'vitest';
import { FullnessWatch, LOOK_EVERY_MS } from '../../src/app/fullness-watch.js';
import { FakeClock } from '../helpers/fake-clock.js';

let clock: FakeClock;
let isFull: boolean;
let told: (number | 'full')[];
let watch: FullnessWatch;

beforeEach(() => {
  clock = new FakeClock();
  isFull = false;
  told = [];
  watch = new FullnessWatch({
    clock,
    isFull: () => isFull,
    onFull: () => told.push('full'),
    onRoom: (fullMs) => told.push(fullMs),
  });
  watch.start();
});

it('tells once that it is full, and once for how long it was', async () => {
  await clock.advance(5 * LOOK_EVERY_MS);
  expect(told).toEqual([]);
  isFull = true;
  await clock.advance(3 * LOOK_EVERY_MS);
  expect(told).toEqual(['full']);
  isFull = false;
  await clock.advance(3 * LOOK_EVERY_MS);
  expect(told).toEqual(['full', 3 * LOOK_EVERY_MS]);
});

it('tells of each time', async () => {
  for (isFull of [true, false, true]) await clock.advance(LOOK_EVERY_MS);
  expect(told).toEqual(['full', LOOK_EVERY_MS, 'full']);
});

it('leaves no timer when it is stopped', async () => {
  await clock.advance(LOOK_EVERY_MS);
  watch.stop();
  expect(clock.pendingTimers).toBe(0);
});
