import { beforeEach, expect, it } from 'vitest';
import { FULL_AT, type HeapUse, HeapWatch, LOOK_EVERY_MS, oldBytes } from '../../../src/core/machine/heap-watch.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const LIMIT_BYTES = 1_000;

let clock: FakeClock;
let livingBytes: number;
let garbageBytes: number;
let collections: number;
let told: HeapUse[];
let watch: HeapWatch;

beforeEach(() => {
  clock = new FakeClock();
  [livingBytes, garbageBytes, collections, told] = [0, 0, 0, []];
  watch = new HeapWatch({
    clock,
    use: () => ({ usedBytes: livingBytes + garbageBytes, limitBytes: LIMIT_BYTES }),
    collect: () => {
      collections++;
      garbageBytes = 0;
    },
    onFull: (use) => told.push(use),
  });
  watch.start();
});

it('tells of a heap that is full, at the next look and once', async () => {
  livingBytes = FULL_AT * LIMIT_BYTES - 1;
  await clock.advance(100 * LOOK_EVERY_MS);
  expect([told, collections]).toEqual([[], 0]);
  livingBytes++;
  await clock.advance(LOOK_EVERY_MS);
  expect(told).toEqual([{ usedBytes: livingBytes, limitBytes: LIMIT_BYTES }]);
  await clock.advance(100 * LOOK_EVERY_MS);
  expect([told.length, clock.pendingTimers]).toEqual([1, 0]);
});

it('does not tell of one that is full of garbage, and does not go through it at each look', async () => {
  livingBytes = 500;
  for (let look = 0; look < 200; look++) {
    garbageBytes = 450;
    await clock.advance(LOOK_EVERY_MS);
  }
  expect([told, collections]).toEqual([[], 10]);
});

it('finds that it is full when it has been through it once more', async () => {
  garbageBytes = LIMIT_BYTES;
  await clock.advance(LOOK_EVERY_MS);
  expect(collections).toBe(1);
  livingBytes = LIMIT_BYTES;
  await clock.advance(19 * LOOK_EVERY_MS);
  expect([told, collections]).toEqual([[], 1]);
  await clock.advance(LOOK_EVERY_MS);
  expect([told.length, collections]).toEqual([1, 2]);
});

it('stands still when it is stopped', () => {
  watch.stop();
  expect(clock.pendingTimers).toBe(0);
});

it.each([
  ['', 384],
  ['--max-semi-space-size=1', 384],
  ['--max-old-space-size=60 --max-semi-space-size=1', 60],
  ['--trace-warnings --max_old_space_size 2048', 2_048],
])('with the options %j objects that live may take %i MiB', (options, mib) => {
  // As Node has it in a container of 768 MiB; of the option for old objects it does not know here.
  const limits = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 36 };
  expect(oldBytes(options, limits)).toBe(mib * 1024 * 1024);
});
