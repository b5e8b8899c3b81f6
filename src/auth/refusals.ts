import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.js';
import type { Device } from '../core/device.js';
import { StatewayError } from '../core/errors.js';

/** How long the cloud's no is believed without asking again (DESIGN 1.4). */
export const REFUSAL_KEPT_MS = 30_000;

/** Bytes of all that is remembered; with messages of usual length some 50,000 refusals. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Of an entry beside its message: key, error object, the cache's own. */
const ENTRY_BYTES = 256;

interface Refusal {
  readonly error: StatewayError;
  readonly untilMs: number;
}

/**
 * The key of a (token, application, device) triple: a digest, so that a key takes the same few bytes whatever a client
 * puts in the place of a token.
 */
export function tripleOf(token: string, device: Device): string {
  return createHash('sha256')
    .update(device.key + token)
    .digest('base64url');
}

/** The triples that the cloud has lately said no to, by {@link tripleOf}. Bounded in number and in bytes. */
export class Refusals {
  readonly #byTriple: LRUCache<string, Refusal>;
  readonly #clock: Clock;

  constructor(maxRefusals: number, clock: Clock) {
    this.#byTriple = new LRUCache({
      max: maxRefusals,
      maxSize: MAX_BYTES,
      sizeCalculation: ({ error }) => ENTRY_BYTES + 2 * error.message.length,
    });
    this.#clock = clock;
  }

  /** Refusals held. */
  get size(): number {
    return this.#byTriple.size;
  }

  find(triple: string): StatewayError | undefined {
    const refusal = this.#byTriple.get(triple);
    if (refusal === undefined) return undefined;
    if (this.#clock.monotonicMs() < refusal.untilMs) return refusal.error;
    this.#byTriple.delete(triple);
    return undefined;
  }

  add(triple: string, error: StatewayError, keptMs: number = REFUSAL_KEPT_MS): void {
    this.#byTriple.set(triple, { error, untilMs: this.#clock.monotonicMs() + keptMs });
  }
}

/** What a status of the cloud says against a triple; undefined when it is no verdict. */
export function refusalFor(status: number, message: string): StatewayError | undefined {
  switch (status) {
    case 401:
      return new StatewayError('STATEWAY_TOKEN_REFUSED', message || 'the cloud refused the token');
    case 403:
      return new StatewayError('STATEWAY_NOT_GRANTED', message || 'the token does not allow sending for this device');
    case 404:
      return new StatewayError('STATEWAY_NO_SUCH_DEVICE', message || 'the application has no such device');
    default:
      return undefined;
  }
}
