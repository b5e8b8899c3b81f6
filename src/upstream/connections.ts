import type { Dispatcher } from 'undici';
import type { Clock } from '../core/time/clock.js';
import type { Dialer } from './dialer.js';

/**
 * Connections of before are not used any more after this. An address that the cloud has left may go on answering for hours
 * (a cluster that is being emptied, the other site of a pair), and no answer says so: only its name does. DNS answers of
 * what may move count for some minutes at most; a TLS handshake in five minutes is nothing, on the slowest line too.
 */
export const MAX_AGE_MS = 300_000;
/** Requests in a row without a good answer, after which the next goes to a connection made anew. */
export const FAILURES_TO_RENEW = 3;
/** Not more often than the probes come while the cloud is down, which each get one. */
export const RENEWED_EVERY_MS = 500;

/**
 * The connections that a client has to the cloud, all of which it may have to give up at once: new ones are made **by the
 * cloud's name**, which may lead elsewhere by now. Requests under way on the former ones go on, event streams too; those
 * connections end with them.
 *
 * - A line that went dead takes every connection with it, and none of them says so: each would cost the next request its
 *   whole time limit, after the line is back. undici adds to them, since it connects anew for each request that is given up
 *   while nothing gets through, and keeps that connection.
 * - The cloud may have moved, and something still answer at its old address: 503, a portal's page, or nothing.
 * - It may have moved, and its old address answer well.
 */
export class CloudConnections {
  readonly #create: () => Dispatcher;
  readonly #dialer: Dialer;
  readonly #clock: Clock;
  readonly #onDistrust: () => void;
  #current: Dispatcher;
  /** Monotonic: when those were made. */
  #madeMs: number;
  /** In a row, on those and the ones before. */
  #failures = 0;
  /** Given up, and not yet without requests. */
  readonly #former = new Set<Dispatcher>();

  /**
   * @param create makes connections; what it throws the first time is passed on
   * @param dialer what they are opened with
   * @param onDistrust told when they were given up, since no good answer came by them
   */
  constructor(create: () => Dispatcher, dialer: Dialer, clock: Clock, onDistrust: () => void = () => {}) {
    this.#create = create;
    this.#dialer = dialer;
    this.#clock = clock;
    this.#onDistrust = onDistrust;
    this.#current = create();
    this.#madeMs = clock.monotonicMs();
  }

  /** What the next request is to go to. */
  forRequest(): Dispatcher {
    if (this.#ageMs() >= MAX_AGE_MS) this.#renew();
    return this.#current;
  }

  /** What a request is to go to that found its connection on `former` closed: to one that is made now. */
  insteadOf(former: Dispatcher): Dispatcher {
    if (former === this.#current) this.#renew();
    return this.#current;
  }

  /**
   * What came of a request to `used`.
   * @param isGood whether it was the cloud's own answer, and none of 500 and more
   */
  note(used: Dispatcher, isGood: boolean): void {
    if (used !== this.#current) return;
    this.#failures = isGood ? 0 : this.#failures + 1;
    if (this.#failures >= FAILURES_TO_RENEW && this.#ageMs() >= RENEWED_EVERY_MS) this.distrust();
  }

  /**
   * From now on others are used, to other addresses where the cloud has any.
   * @param suspect a request to this had no answer in time: of many that fail together the first is enough
   */
  distrust(suspect = this.#current): void {
    if (suspect !== this.#current) return;
    this.#dialer.distrust();
    this.#renew();
    this.#onDistrust();
  }

  #renew(): void {
    const former = this.#current;
    this.#madeMs = this.#clock.monotonicMs();
    try {
      this.#current = this.#create();
    } catch {
      // The file of certificates cannot be read any more: what was made with it is better than nothing.
      return;
    }
    this.#former.add(former);
    const forget = () => void this.#former.delete(former);
    former.close().then(forget, forget);
  }

  #ageMs(): number {
    return this.#clock.monotonicMs() - this.#madeMs;
  }

  /** Ends every connection at once; requests that wait for an answer fail. */
  async close(): Promise<void> {
    const ended = Promise.all([this.#current, ...this.#former].map((each) => each.destroy()));
    this.#dialer.close();
    await ended;
  }
}
