import type { BrokerEnd } from './broker.js';

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** The broker's shortest ban (docs/cloud.md, "The broker"): whoever may be banned stays away for as long. */
const BAN_MS = 30_000;
/** A connection that is closed so soon after it was accepted may have been for something that the device did. */
const SOON_MS = 15_000;
/** One that lasted for so long is no part of a row of failures. */
const LASTING_MS = 60_000;
/** Where key and secret are refused, and the log-in by REST takes them all the same. */
const REFUSED_FIRST_MS = 60_000;
const REFUSED_LONGEST_MS = 900_000;
/** CONNACK codes for credentials (MQTT 3.1.1, 3.2.2.3). */
const CREDENTIALS: ReadonlySet<number> = new Set([4, 5]);

/** Whether the broker has said that key and secret are no good. */
export function areCredentialsRefused(end: BrokerEnd): boolean {
  return end.kind === 'refused' && CREDENTIALS.has(end.code);
}

/** How long one device stays away from the broker after its connection has ended: longer with each failure in a row. */
export class ReconnectPause {
  readonly #random: () => number;
  #failures = 0;
  #refusals = 0;

  /** @param random from 0 to 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** @param lastedMs from CONNACK on; 0 where there was none */
  next(end: BrokerEnd, lastedMs: number): number {
    if (areCredentialsRefused(end))
      return this.#jittered(longer(REFUSED_FIRST_MS, this.#refusals++, REFUSED_LONGEST_MS));
    this.#refusals = 0;
    if (lastedMs >= LASTING_MS) this.#failures = 0;
    const pauseMs = this.#jittered(longer(FIRST_MS, this.#failures++, LONGEST_MS));
    return mayBeBan(end, lastedMs) ? Math.max(pauseMs, BAN_MS * (1 + this.#random() / 2)) : pauseMs;
  }

  /** Half of it at least: devices that lost their connections at once are not to come back at once. */
  #jittered(pauseMs: number): number {
    return (pauseMs / 2) * (1 + this.#random());
  }
}

function longer(firstMs: number, times: number, longestMs: number): number {
  return Math.min(longestMs, firstMs * 2 ** times);
}

function mayBeBan(end: BrokerEnd, lastedMs: number): boolean {
  if (end.kind === 'unreachable') return false;
  return end.kind !== 'lost' || lastedMs < SOON_MS;
}
