import type { Load } from '../../core/machine/loop-load.js';
import type { MemoryLedger } from '../lane/memory-ledger.js';

/** How much faster than all lanes need it in the long run: what came together is spread over four fifths of a window. */
const HEADROOM = 1.25;
/** Requests that may start together; few enough to hold up the answers to devices by a few milliseconds only. */
export const STARTS_TOGETHER = 32;
/** With few lanes, or a long window, at least this many may start while the thread has time. */
const LEAST_STARTS_PER_MS = 1;
/** How many times as far apart requests start on a thread that has time for nothing else. */
export const MOST_STRETCH = 3;
/** Between these shares of its time that the thread is busy, requests move apart. */
const STRETCH_FROM_SHARE = 0.7;
const STRETCH_TO_SHARE = 0.9;
/** With so much waiting in memory, they do not: sending is what makes room then. */
export const STRETCH_BELOW_BYTES = 16 * 1024 * 1024;

export interface StartPaceParts {
  readonly load: Load;
  readonly memory: Pick<MemoryLedger, 'heldBytes'>;
}

/**
 * Spreads the requests of many lanes over their windows, some at a time. Devices that begin together, as when a line
 * starts, would else be sent for in the same few milliseconds of each window from then on, while their next states wait
 * for an answer. One by one would be too much of it: what starts together is handed to the sending thread, and written
 * down, together. A lane on its own, or a few, never wait for it.
 *
 * A request costs as much as some dozen answers, whatever it carries. So when the thread is busy it makes fewer and larger
 * ones, up to {@link MOST_STRETCH} windows apart for each lane: devices wait for their answers, the cloud for nothing.
 */
export class StartPace {
  readonly #windowMs: number;
  readonly #parts: StartPaceParts;
  /** Monotonic: when the next request would be due, were all evenly spaced. */
  #evenlyMs = Number.NEGATIVE_INFINITY;
  /** Monotonic. */
  #opensAtMs = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number, parts: StartPaceParts) {
    this.#windowMs = windowMs;
    this.#parts = parts;
  }

  /** Monotonic: when the next request may start. */
  get earliestStartMs(): number {
    return this.#opensAtMs;
  }

  /**
   * A request starts, of one of so many lanes.
   * @param isFull whether it carries as much as one can: then another would not carry more by waiting
   */
  start(nowMs: number, lanes: number, isFull: boolean): void {
    const stretch = isFull ? 1 : this.#stretch;
    const spacingMs = stretch * Math.min(1 / LEAST_STARTS_PER_MS, this.#windowMs / (HEADROOM * lanes));
    this.#evenlyMs = Math.max(nowMs, this.#evenlyMs) + spacingMs;
    // Half a space of slack, so that rounding adds none to them.
    if (this.#evenlyMs - nowMs > (STARTS_TOGETHER - 0.5) * spacingMs) this.#opensAtMs = this.#evenlyMs;
  }

  get #stretch(): number {
    const { load, memory } = this.#parts;
    const busy = between(0, (load.share() - STRETCH_FROM_SHARE) / (STRETCH_TO_SHARE - STRETCH_FROM_SHARE), 1);
    const room = between(0, 1 - memory.heldBytes / STRETCH_BELOW_BYTES, 1);
    return 1 + (MOST_STRETCH - 1) * busy * room;
  }
}

function between(least: number, value: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
