import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Device } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import type { Clock } from '../core/time/clock.js';
import { expiryOf, SENDING_SCOPES } from './token-claims.js';

/** How long the cloud's no is believed without asking again (contract 1.4). */
export const REFUSAL_KEPT_MS = 30_000;

/** Bytes of all that is remembered; with messages of usual length some 50,000 refusals. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Of an entry beside its message: key, error object, the cache's own. */
const ENTRY_BYTES = 256;
/** Triples noted as unproven, and void tokens, each of which takes some 150 bytes. */
const MAX_UNPROVEN = 50_000;
const MAX_VOID = 50_000;

interface Refusal {
  readonly error: StatewayError;
  readonly untilMs: number;
}

/**
 * The key of a (token, application, device) triple: a digest, so that a key takes the same few bytes whatever a client
 * puts in the place of a token.
 */
export function tripleOf(token: string, device: Device): string {
  return hash('sha256', device.key + token, 'base64url');
}

/** A digest that stands for a token: like {@link tripleOf} it takes the same few bytes whatever stands in its place. */
export function digestOf(token: string): string {
  // In one step: a third of the time, and nothing for the collector to call back for. A forged token is hashed six times.
  return hash('sha256', token, 'base64url');
}

/**
 * A number below 2^31 for a token, where nothing worse than a question too many comes of two that have the same: it takes
 * no memory beside the place where it stands.
 */
export function tagOf(token: string): number {
  return hash('sha256', token, 'buffer').readUInt32BE(0) >>> 1;
}

/**
 * The triples that the cloud has lately said no to, by {@link tripleOf}, and those of which only a state sent to it tells
 * whether they may send (contract 1.4); and the tokens that it has called void (401), which are so for all devices. Bounded
 * in number and in bytes. What gives way for want of room is asked for again, and no more.
 */
export class DenialCache {
  readonly #byTriple: LRUCache<string, Refusal>;
  /** Monotonic milliseconds until which that is so. */
  readonly #unproven: LRUCache<string, number>;
  /** By {@link digestOf} the token. */
  readonly #void: LRUCache<string, Refusal>;
  readonly #clock: Clock;

  constructor(maxRefusals: number, clock: Clock) {
    this.#byTriple = boundedTo(maxRefusals);
    this.#unproven = new LRUCache({ maxSize: Math.min(maxRefusals, MAX_UNPROVEN), sizeCalculation: () => 1 });
    this.#void = boundedTo(MAX_VOID);
    this.#clock = clock;
  }

  /** Denials held. */
  get size(): number {
    return this.#byTriple.size;
  }

  find(triple: string): StatewayError | undefined {
    return this.#freshOf(this.#byTriple, triple);
  }

  /** Why a token is void for all devices, by its {@link digestOf}; undefined where it is not known to be. */
  findVoid(digest: string): StatewayError | undefined {
    return this.#freshOf(this.#void, digest);
  }

  addVoid(digest: string, error: StatewayError): void {
    this.#void.set(digest, { error, untilMs: this.#clock.monotonicMs() + REFUSAL_KEPT_MS });
  }

  /** The cloud has taken the token after all. */
  removeVoid(token: string): void {
    if (this.#void.size > 0) this.#void.delete(digestOf(token));
  }

  add(triple: string, error: StatewayError, keptMs: number = REFUSAL_KEPT_MS): void {
    this.#byTriple.set(triple, { error, untilMs: this.#clock.monotonicMs() + keptMs });
  }

  /** Whether it is known that a question to the cloud would not tell whether the triple may send. */
  isUnproven(triple: string): boolean {
    const untilMs = this.#unproven.get(triple);
    return untilMs !== undefined && this.#clock.monotonicMs() < untilMs;
  }

  addUnproven(triple: string, keptMs: number = REFUSAL_KEPT_MS): void {
    this.#unproven.set(triple, this.#clock.monotonicMs() + keptMs);
  }

  /** A state has told. */
  removeUnproven(triple: string): void {
    this.#unproven.delete(triple);
  }

  #freshOf(denials: LRUCache<string, Refusal>, key: string): StatewayError | undefined {
    const refusal = denials.get(key);
    if (refusal === undefined) return undefined;
    if (this.#clock.monotonicMs() < refusal.untilMs) return refusal.error;
    denials.delete(key);
    return undefined;
  }
}

/**
 * Bounded by {@link MAX_BYTES} and by number: each counts as its share of the bytes at least. For a bound on the number alone
 * the cache takes its room beforehand, megabytes for what is empty as a rule.
 */
function boundedTo(mostRefusals: number): LRUCache<string, Refusal> {
  const shareBytes = Math.floor(MAX_BYTES / mostRefusals);
  return new LRUCache({
    maxSize: shareBytes > ENTRY_BYTES ? shareBytes * mostRefusals : MAX_BYTES,
    sizeCalculation: ({ error }) => Math.max(shareBytes, ENTRY_BYTES + 2 * error.message.length),
  });
}

/** Why a genuine token whose claims name no scope that sends may not send. */
export function noSendingScope(): StatewayError {
  return new StatewayError(
    'STATEWAY_NOT_GRANTED',
    `the scopes of the token do not allow sending state; it needs one of ${SENDING_SCOPES.join(', ')}`,
  );
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

/** What is answered where the cloud cannot be asked: only then does this machine's clock say that a token is over. */
export function unlessExpired(token: string, clock: Clock, error: StatewayError): StatewayError {
  if (expiryOf(token) > clock.wallMs()) return error;
  return new StatewayError(
    'STATEWAY_TOKEN_EXPIRED',
    'the token has expired by the clock of the proxy, and the cloud cannot be asked; log in again for a new one',
  );
}
