import type { Clock } from '../core/time/clock.js';

/** Wrong tokens, each counted once, that an address may show within {@link WINDOW_MS}. */
export const MOST_WRONG_TOKENS = 10;
export const WINDOW_MS = 60_000;
/** Addresses that are remembered; beyond them the one that began first is forgotten. */
export const MOST_ADDRESSES = 1_000;

interface Attempts {
  readonly begunMs: number;
  readonly digests: Set<string>;
}

/**
 * How many wrong tokens came from an address of late. One that comes again and again, as from a scraper that was not told
 * of a new one, counts once: it guesses nothing, and must not keep out another program of its machine.
 */
export class LogInAttempts {
  readonly #clock: Clock;
  /** By address, the one that began first at the front. */
  readonly #byAddress = new Map<string, Attempts>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Seconds until another token is looked at; 0 when it is at once. */
  waitSeconds(address: string): number {
    const attempts = this.#byAddress.get(address);
    if (attempts === undefined || attempts.digests.size < MOST_WRONG_TOKENS) return 0;
    const leftMs = attempts.begunMs + WINDOW_MS - this.#clock.monotonicMs();
    return Math.max(0, Math.ceil(leftMs / 1_000));
  }

  /** A token of that digest, which is wrong, came from there. @returns whether it counts: it is not one that came before */
  note(address: string, digest: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#byAddress.get(address);
    if (known !== undefined && nowMs - known.begunMs < WINDOW_MS) {
      const before = known.digests.size;
      return known.digests.add(digest).size > before;
    }
    this.#byAddress.delete(address);
    if (this.#byAddress.size >= MOST_ADDRESSES) this.#byAddress.delete(this.#byAddress.keys().next().value as string);
    this.#byAddress.set(address, { begunMs: nowMs, digests: new Set([digest]) });
    return true;
  }
}
