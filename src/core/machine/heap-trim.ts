import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from '../time/clock.js';

export const TRIM_EVERY_MS = 10_000;
/** Less garbage is not worth it: a heap is gone through in 10 ms to 40 ms. */
const WORTH_BYTES = 8 * 1024 * 1024;
/** Nor is a smaller share of what lives, of which a larger heap takes longer. */
const WORTH_SHARE = 0.25;
/** A thread whose heap grows by more in {@link TRIM_EVERY_MS} has something to do, and V8 goes through it by itself. */
const QUIET_GROWTH_BYTES = 4 * 1024 * 1024;
/** Between two looks: of growth that V8 has collected meanwhile nothing would be seen. */
const LOOK_EVERY_MS = 1_000;

export interface HeapTrimParts {
  readonly clock: Clock;
  /** Bytes of the heap of this thread: what lives, and what has died since it was gone through last. */
  readonly usedBytes?: () => number;
  /** Goes through the whole heap at once. */
  readonly collect?: () => void;
}

/**
 * Gives back what a busy time has left of garbage, once the thread is quiet. V8 goes through a heap only as it grows: of a
 * thread that has little to do the garbage would stay for hours, and with it the room for new objects that it had needed.
 */
export class HeapTrim {
  readonly #clock: Clock;
  readonly #usedBytes: () => number;
  readonly #collect: () => void;
  /** At most: after the last collection, or the least that was seen since. */
  #livingBytes: number;
  #lastBytes: number;
  #grownBytes = 0;
  #looks = 0;
  #cancel: () => void = () => {};

  constructor({ clock, usedBytes = usedHeapBytes, collect = collectGarbage }: HeapTrimParts) {
    this.#clock = clock;
    this.#usedBytes = usedBytes;
    this.#collect = collect;
    this.#livingBytes = usedBytes();
    this.#lastBytes = this.#livingBytes;
  }

  start(): void {
    this.#cancel = this.#clock.schedule(LOOK_EVERY_MS, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const bytes = this.#usedBytes();
    this.#grownBytes += Math.max(0, bytes - this.#lastBytes);
    this.#lastBytes = bytes;
    this.#livingBytes = Math.min(this.#livingBytes, bytes);
    if (++this.#looks * LOOK_EVERY_MS < TRIM_EVERY_MS) return;
    if (this.#grownBytes < QUIET_GROWTH_BYTES) this.#trim(bytes);
    this.#grownBytes = 0;
    this.#looks = 0;
  }

  #trim(bytes: number): void {
    const garbageBytes = bytes - this.#livingBytes;
    if (garbageBytes < Math.max(WORTH_BYTES, WORTH_SHARE * this.#livingBytes)) return;
    this.#collect();
    this.#livingBytes = this.#usedBytes();
    this.#lastBytes = this.#livingBytes;
  }
}

/** Goes through V8's heap of this thread at once, and gives back what is free of it. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

function usedHeapBytes(): number {
  return getHeapStatistics().used_heap_size;
}
