import { getHeapStatistics } from 'node:v8';
import { type ResourceLimits, resourceLimits } from 'node:worker_threads';
import type { Clock } from '../time/clock.js';
import { collectGarbage } from './heap-trim.js';

export const LOOK_EVERY_MS = 100;
/** Of what the heap of a thread may take. What one turn of the event loop brings has room in the rest. */
export const FULL_AT = 0.9;
/** Between two collections that show whether it is full of garbage: one of a large heap holds the thread up for a while. */
const COLLECT_EVERY_MS = 2_000;

/** Of V8's heap of a thread. */
export interface HeapUse {
  /** What lives, and what has died since it was gone through last. */
  readonly usedBytes: number;
  /** Beyond it V8 ends the thread. */
  readonly limitBytes: number;
}

export interface HeapWatchParts {
  readonly clock: Clock;
  readonly use?: () => HeapUse;
  /** Goes through the whole heap at once. */
  readonly collect?: () => void;
  /** Told once, when there is hardly any room left in the heap and nothing of it is garbage. */
  readonly onFull: (use: HeapUse) => void;
}

/**
 * Looks how near a thread is to the limit of its heap, so that it can end in order: at the limit V8 ends it, and runs nothing of
 * it any more.
 */
export class HeapWatch {
  readonly #clock: Clock;
  readonly #use: () => HeapUse;
  readonly #collect: () => void;
  readonly #onFull: (use: HeapUse) => void;
  #collectedMs = Number.NEGATIVE_INFINITY;
  #cancel: () => void = () => {};

  constructor({ clock, use = heapUse, collect = collectGarbage, onFull }: HeapWatchParts) {
    this.#clock = clock;
    this.#use = use;
    this.#collect = collect;
    this.#onFull = onFull;
  }

  start(): void {
    this.#cancel = this.#clock.schedule(LOOK_EVERY_MS, () => {
      if (this.#isFull()) this.#onFull(this.#use());
      else this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  #isFull(): boolean {
    if (!isFull(this.#use())) return false;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#collectedMs < COLLECT_EVERY_MS) return false;
    this.#collectedMs = nowMs;
    this.#collect();
    return isFull(this.#use());
  }
}

function isFull({ usedBytes, limitBytes }: HeapUse): boolean {
  return usedBytes >= FULL_AT * limitBytes;
}

/** Of the thread that asks, which is not the main thread. */
function heapUse(): HeapUse {
  const { used_heap_size, heap_size_limit } = getHeapStatistics();
  return { usedBytes: used_heap_size, limitBytes: Math.min(heap_size_limit, oldBytes()) };
}

/**
 * What objects that live may take: `heap_size_limit` has room for young ones in it, more with each version of V8.
 * @param options that Node runs with, of which `resourceLimits` takes no notice
 * @param limits of this thread
 */
export function oldBytes(
  options = [process.env.NODE_OPTIONS, ...process.execArgv].join(' '),
  { maxOldGenerationSizeMb = Number.POSITIVE_INFINITY }: ResourceLimits = resourceLimits,
): number {
  const given = /--max[-_]old[-_]space[-_]size[= ](\d+)/.exec(options)?.[1];
  return (given === undefined ? maxOldGenerationSizeMb : Number(given)) * 1024 * 1024;
}
