import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/time/clock.js';

/** Addresses of which something is known; the one longest unheard of gives way. Each takes some 150 bytes. */
const MAX_ADDRESSES = 10_000;
/** Refusals that an address may have in mind against it and stand well: each costs a flood of addresses a turn of others. */
const MOST_FORGIVEN = 1;
/** No address stands worse, so that each stands well again 75 s after the last refusal. */
const WORST = 16;
/** One refusal is forgotten in this time: a few devices that try an old token every 30 s do not add up. */
const FORGOTTEN_MS = 5_000;

interface Standing {
  readonly level: number;
  readonly atMs: number;
}

/**
 * How addresses have done with the cloud lately. Who has brought one refused token after another has to stand behind those
 * who have not, wherever there is not room for all. It is never a reason to refuse anybody.
 */
export class Standings {
  readonly #clock: Clock;
  readonly #standings = new LRUCache<string, Standing>({ max: MAX_ADDRESSES });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The cloud has said yes or no to somebody at an address. */
  note(address: string, isYes: boolean): void {
    const level = this.#levelOf(address);
    if (isYes && level === 0) return;
    const next = isYes ? Math.max(0, level - 1) : Math.min(WORST, level + 1);
    this.#standings.set(address, { level: next, atMs: this.#clock.monotonicMs() });
  }

  isBad(address: string): boolean {
    return this.#levelOf(address) > MOST_FORGIVEN;
  }

  #levelOf(address: string): number {
    const standing = this.#standings.peek(address);
    if (standing === undefined) return 0;
    return Math.max(0, standing.level - (this.#clock.monotonicMs() - standing.atMs) / FORGOTTEN_MS);
  }
}
