import { type BackOff, backOffMs } from '../../core/time/back-off.js';
import type { BrokerEnd } from './broker.js';

const BACK_OFF: BackOff = { firstMs: 1_000, mostMs: 60_000 };
/** The broker's shortest ban (docs/cloud.md, "The broker"): whoever may be banned stays away for as long. */
const BAN_MS = 30_000;
/** A connection that is closed so soon after it was accepted may have been for something that the device did. */
const SOON_MS = 15_000;
/** One that lasted for so long is no part of a row of failures. */
const LASTING_MS = 60_000;
/** Where key and secret are refused, and the log-in by REST takes them all the same. */
const REFUSED_BACK_OFF: BackOff = { firstMs: 60_000, mostMs: 900_000 };
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
    if (areCredentialsRefused(end)) return backOffMs(REFUSED_BACK_OFF, ++this.#refusals, this.#random());
    this.#refusals = 0;
    if (lastedMs >= LASTING_MS) this.#failures = 0;
    const pauseMs = backOffMs(BACK_OFF, ++this.#failures, this.#random());
    return mayBeBan(end, lastedMs) ? Math.max(pauseMs, BAN_MS * (1 + this.#random() / 2)) : pauseMs;
  }
}

function mayBeBan(end: BrokerEnd, lastedMs: number): boolean {
  if (end.kind === 'unreachable') return false;
  return end.kind !== 'lost' || lastedMs < SOON_MS;
}
