import { readFileSync } from 'node:fs';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import type { Clock } from '../../core/time/clock.js';
import type { MemoryLimits } from './memory-limits.js';

export const LOOK_EVERY_MS = 500;
/** From this share of a limit on no new devices are taken in, from the other on no states; each until it is below by {@link SLACK}. */
export const CROWDED_AT = 0.87;
export const SHORT_AT = 0.92;
const SLACK = 0.03;
/** Between two collections that are asked for near a limit: one of a large heap holds the thread up for a while. */
const COLLECT_EVERY_MS = 10_000;

/**
 * How far heap and buffers may grow before V8 goes through the heap again: to this, as with a thousand devices, of which
 * 24 MiB live and all else are buffers that come and go.
 */
const GROWN_BYTES = 120 * 1024 * 1024;
/** By as much at least, and no more where more lives: 400 % of what a hundred thousand devices take would be 800 MiB. */
const LEAST_GROWTH_BYTES = 48 * 1024 * 1024;
/** In percent of what lives, as V8 has it. */
const MIN_GROWTH_PERCENT = 20;
/** That of the start, which `main.ts` sets. */
const MAX_GROWTH_PERCENT = 400;
/** The least that is found in so many looks, and so many before, lives. */
const LOOKS_FOR_LEAST = 10;

/** What the process takes at the moment. */
export interface MemoryUse {
  /** That the kernel cannot take back; pages of files are not among it. */
  readonly residentBytes: number;
  /** Of V8's heap of the main thread: what lives, and what has died since it was gone through last. */
  readonly heapBytes: number;
}

export interface MemoryWatchParts {
  readonly clock: Clock;
  readonly limits: MemoryLimits;
  /** What of the heap objects may take that live; Infinity while that is not known. */
  readonly oldHeapBytes: () => number;
  readonly use: () => MemoryUse;
  /** Goes through the whole heap at once. */
  readonly collect: () => void;
  readonly setGrowthPercent: (percent: number) => void;
}

/**
 * Looks twice a second how near the process is to the limits of its memory. Nobody is refused for what is only garbage: the
 * heap is gone through first.
 */
export class MemoryWatch {
  readonly #parts: MemoryWatchParts;
  #use: MemoryUse = { residentBytes: 0, heapBytes: 0 };
  #isCrowded = false;
  #isShort = false;
  #collectedMs = Number.NEGATIVE_INFINITY;
  #growthPercent = MAX_GROWTH_PERCENT;
  #looks = 0;
  /** Bytes of the heap: the least of late, and of the looks before. */
  #leastBytes = Number.POSITIVE_INFINITY;
  #leastBeforeBytes = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => {};

  constructor(parts: MemoryWatchParts) {
    this.#parts = parts;
  }

  /** Whether there is no memory for devices that are not known yet. */
  get isCrowded(): boolean {
    return this.#isCrowded;
  }

  /** Whether there is no memory for new states. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** As of the last look. */
  get use(): MemoryUse {
    return this.#use;
  }

  start(): void {
    this.#look();
    this.#cancel = this.#parts.clock.schedule(LOOK_EVERY_MS, () => this.start());
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const { clock, collect, use } = this.#parts;
    const wasShort = this.#isShort;
    const wasCrowded = this.#isCrowded;
    const nowMs = clock.monotonicMs();
    this.#use = use();
    if (this.#share >= CROWDED_AT && nowMs - this.#collectedMs >= COLLECT_EVERY_MS) {
      this.#collectedMs = nowMs;
      collect();
      this.#use = use();
    }
    const share = this.#share;
    this.#isShort = share >= SHORT_AT - (wasShort ? SLACK : 0);
    this.#isCrowded = share >= CROWDED_AT - (wasCrowded ? SLACK : 0);
    this.#setGrowth();
  }

  /** Of the limit that is nearer. */
  get #share(): number {
    const { limits, oldHeapBytes } = this.#parts;
    const heapBytes = Math.min(limits.heapBytes, oldHeapBytes());
    return Math.max(this.#use.residentBytes / limits.bytes, this.#use.heapBytes / heapBytes);
  }

  #setGrowth(): void {
    this.#leastBytes = Math.min(this.#leastBytes, this.#use.heapBytes);
    const livingBytes = Math.min(this.#leastBytes, this.#leastBeforeBytes);
    if (++this.#looks % LOOKS_FOR_LEAST === 0) {
      this.#leastBeforeBytes = this.#leastBytes;
      this.#leastBytes = Number.POSITIVE_INFINITY;
    }
    const growthBytes = Math.max(LEAST_GROWTH_BYTES, GROWN_BYTES - livingBytes);
    const percent = Math.round((100 * growthBytes) / Math.max(1, livingBytes));
    const bounded = Math.min(MAX_GROWTH_PERCENT, Math.max(MIN_GROWTH_PERCENT, percent));
    if (bounded === this.#growthPercent) return;
    this.#growthPercent = bounded;
    this.#parts.setGrowthPercent(bounded);
  }
}

const STATM_FILE = '/proc/self/statm';

/** What this process takes; see `MemoryUse`. */
export function memoryUse(): MemoryUse {
  return { residentBytes: residentBytes(), heapBytes: getHeapStatistics().used_heap_size };
}

/** How much V8's heap may grow before it is gone through again, in percent. */
export function setHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

/** proc(5): pages in all, resident ones, and of these those of files and shared memory. How long a page is, it need not know. */
function residentBytes(): number {
  try {
    const [, resident, shared] = readFileSync(STATM_FILE, 'latin1').split(' ').map(Number) as [number, number, number];
    return Math.round(process.memoryUsage.rss() * (1 - shared / resident));
  } catch {
    // No such file outside Linux.
    return process.memoryUsage.rss();
  }
}
