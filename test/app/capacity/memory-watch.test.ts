import { beforeEach, expect, it } from 'vitest';
import { CROWDED_AT, LOOK_EVERY_MS, MemoryWatch, SHORT_AT } from '../../../src/app/capacity/memory-watch.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const MIB = 1024 * 1024;
const LIMITS = { bytes: 768 * MIB, source: 'container', heapBytes: 400 * MIB } as const;

/** What of the heap objects may take that live. */
let oldHeapBytes: number;

let clock: FakeClock;
/** Shares of the limits. */
let resident: number;
let heap: number;
/** Of the heap, what a collection frees. */
let garbage: number;
let collections: number;
let growth: number[];
let watch: MemoryWatch;

beforeEach(() => {
  clock = new FakeClock();
  oldHeapBytes = Number.POSITIVE_INFINITY;
  [resident, heap, garbage, collections, growth] = [0.2, 0.1, 0, 0, []];
  watch = new MemoryWatch({
    clock,
    limits: LIMITS,
    oldHeapBytes: () => oldHeapBytes,
    use: () => ({ residentBytes: resident * LIMITS.bytes, heapBytes: (heap + garbage) * LIMITS.heapBytes }),
    collect: () => {
      collections++;
      garbage = 0;
    },
    setGrowthPercent: (percent) => growth.push(percent),
  });
  watch.start();
});

const seen = () => ({ isCrowded: watch.isCrowded, isShort: watch.isShort });

it.each(['resident', 'heap'] as const)('refuses new devices first and states next, by the %s', async (which) => {
  const set = (share: number) => {
    if (which === 'resident') resident = share;
    else heap = share;
    return clock.advance(LOOK_EVERY_MS);
  };
  expect(seen()).toEqual({ isCrowded: false, isShort: false });
  await set(CROWDED_AT + 0.001);
  expect(seen()).toEqual({ isCrowded: true, isShort: false });
  await set(SHORT_AT + 0.001);
  expect(seen()).toEqual({ isCrowded: true, isShort: true });
  // Not to and fro at the mark.
  await set(SHORT_AT - 0.01);
  expect(seen()).toEqual({ isCrowded: true, isShort: true });
  await set(CROWDED_AT - 0.01);
  expect(seen()).toEqual({ isCrowded: true, isShort: false });
  await set(0.5);
  expect(seen()).toEqual({ isCrowded: false, isShort: false });
});

it('refuses nobody for garbage, which it has collected first, and not over and over', async () => {
  [heap, garbage] = [0.5, 0.45];
  await clock.advance(LOOK_EVERY_MS);
  expect({ ...seen(), collections }).toEqual({ isCrowded: false, isShort: false, collections: 1 });
  heap = 0.95;
  await clock.advance(9 * LOOK_EVERY_MS);
  expect({ ...seen(), collections }).toEqual({ isCrowded: true, isShort: true, collections: 1 });
  await clock.advance(20_000);
  expect(collections).toBe(3);
});

it('lets a small heap grow to five times of what lives, and a large one by no more than half of that growth', async () => {
  const percentAt = async (heapBytes: number) => {
    heap = heapBytes / LIMITS.heapBytes;
    await clock.advance(20 * LOOK_EVERY_MS);
    // What dies meanwhile counts for nothing.
    garbage = 0.3;
    await clock.advance(5 * LOOK_EVERY_MS);
    garbage = 0;
    return growth.at(-1) ?? 400;
  };
  expect(await percentAt(24 * MIB)).toBe(400);
  expect(await percentAt(48 * MIB)).toBe(150);
  expect(await percentAt(72 * MIB)).toBe(67);
  expect(await percentAt(96 * MIB)).toBe(50);
  expect(await percentAt(240 * MIB)).toBe(20);
});

it('leaves no timer when it is stopped', async () => {
  watch.stop();
  heap = 0.99;
  await clock.advance(10 * LOOK_EVERY_MS);
  expect(seen()).toEqual({ isCrowded: false, isShort: false });
});

it('measures the heap by what objects may take that live, once that is known', async () => {
  heap = 0.8;
  await clock.advance(LOOK_EVERY_MS);
  expect(seen()).toEqual({ isCrowded: false, isShort: false });
  // As Node 24 has it in a container of 768 MiB.
  oldHeapBytes = (384 / 432) * LIMITS.heapBytes;
  await clock.advance(LOOK_EVERY_MS);
  expect(seen()).toEqual({ isCrowded: true, isShort: false });
  heap = 0.82;
  await clock.advance(LOOK_EVERY_MS);
  expect(seen()).toEqual({ isCrowded: true, isShort: true });
});
