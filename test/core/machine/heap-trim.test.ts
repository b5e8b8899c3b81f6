import { beforeEach, expect, it } from 'vitest';
import { HeapTrim, TRIM_EVERY_MS } from '../../../src/core/machine/heap-trim.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const MIB = 1024 * 1024;

let clock: FakeClock;
let livingBytes: number;
let garbageBytes: number;
let collections: number;
let trim: HeapTrim;

beforeEach(() => {
  clock = new FakeClock();
  [livingBytes, garbageBytes, collections] = [20 * MIB, 0, 0];
  trim = new HeapTrim({
    clock,
    usedBytes: () => livingBytes + garbageBytes,
    collect: () => {
      collections++;
      garbageBytes = 0;
    },
  });
  trim.start();
});

/** A time in which the heap grows at a constant rate. */
async function passes(seconds: number, grownBytesASecond: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    garbageBytes += grownBytesASecond;
    await clock.advance(1_000);
  }
}

it('leaves a thread alone that has something to do', async () => {
  await passes(60, MIB);
  expect(collections).toBe(0);
});

it('gives back what a busy time has left, once it is over', async () => {
  await passes(30, MIB);
  await clock.advance(2 * TRIM_EVERY_MS);
  expect([collections, garbageBytes]).toEqual([1, 0]);
  await clock.advance(100 * TRIM_EVERY_MS);
  expect(collections).toBe(1);
});

it('does it again when as much has gathered by and by', async () => {
  await passes(100, 0.1 * MIB);
  expect(collections).toBe(1);
  await passes(100, 0.1 * MIB);
  expect(collections).toBe(2);
});

it.each([
  ['a few MiB', 20, 7],
  ['a small share of what lives', 200, 40],
])('is not after %s', async (_what, livingMiB, garbageMiB) => {
  let usedBytes = livingMiB * MIB;
  const other = new HeapTrim({ clock, usedBytes: () => usedBytes, collect: () => collections++ });
  other.start();
  usedBytes += garbageMiB * MIB;
  await clock.advance(5 * TRIM_EVERY_MS);
  expect(collections).toBe(0);
});

it('takes what still lives after a collection for that', async () => {
  livingBytes += 10 * MIB;
  await clock.advance(10 * TRIM_EVERY_MS);
  expect(collections).toBe(1);
});

it('knows that less lives when V8 has found so by itself', async () => {
  livingBytes -= 12 * MIB;
  await clock.advance(TRIM_EVERY_MS);
  garbageBytes = 10 * MIB;
  await clock.advance(2 * TRIM_EVERY_MS);
  expect(collections).toBe(1);
});

it('stands still when it is stopped', () => {
  trim.stop();
  expect(clock.pendingTimers).toBe(0);
});
