import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.js';
import type { Device } from '../core/device.js';
import type { StatewayError } from '../core/errors.js';

/** How long the cloud's no is believed without asking again (DESIGN 1.4). */
export const REFUSAL_KEPT_MS = 30_000;

interface Refusal {
  readonly error: StatewayError;
  readonly untilMs: number;
}

/** The key of a (token, application, device) triple. */
export function tripleOf(token: string, device: Device): string {
  return device.key + token;
}

/** The triples that the cloud has lately said no to, by {@link tripleOf}. */
export class Refusals {
  readonly #byTriple: LRUCache<string, Refusal>;
  readonly #clock: Clock;

  constructor(maxRefusals: number, clock: Clock) {
    this.#byTriple = new LRUCache({ max: maxRefusals });
    this.#clock = clock;
  }

  find(triple: string): StatewayError | undefined {
    const refusal = this.#byTriple.get(triple);
    if (refusal === undefined) return undefined;
    if (this.#clock.monotonicMs() < refusal.untilMs) return refusal.error;
    this.#byTriple.delete(triple);
    return undefined;
  }

  add(triple: string, error: StatewayError): void {
    this.#byTriple.set(triple, { error, untilMs: this.#clock.monotonicMs() + REFUSAL_KEPT_MS });
  }
}
