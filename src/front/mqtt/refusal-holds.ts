import type { Clock } from '../../core/clock.js';

const FIRST_MS = 1_000;
const LONGEST_MS = 10_000;
/** A client that has not been refused for so long begins anew. */
const FORGOTTEN_MS = 60_000;
/** Ids and addresses that are remembered; the one longest unheard of gives way. */
const MAX_REMEMBERED = 10_000;

/**
 * For how long a connection that is refused is held before it is told (contract 1.9.2): a client without back-off then
 * costs one socket. One in use opens 4,300 connections a second where each is refused at once.
 */
export class RefusalHolds {
  readonly #clock: Clock;
  /** By id or address, the one longest unheard of first. */
  readonly #holds = new Map<string, { readonly holdMs: number; readonly atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One more refusal of a client: for how long it is to be held, 1 s to 10 s. */
  next(client: string): number {
    const nowMs = this.#clock.monotonicMs();
    const last = this.#holds.get(client);
    const isRecent = last !== undefined && nowMs - last.atMs < FORGOTTEN_MS;
    const holdMs = isRecent ? Math.min(LONGEST_MS, 2 * last.holdMs) : FIRST_MS;
    this.#holds.delete(client);
    this.#holds.set(client, { holdMs, atMs: nowMs });
    if (this.#holds.size > MAX_REMEMBERED) this.#holds.delete(this.#holds.keys().next().value as string);
    return holdMs;
  }

  /** A client was accepted. */
  forget(client: string): void {
    this.#holds.delete(client);
  }
}
