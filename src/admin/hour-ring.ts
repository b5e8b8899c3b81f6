import type { Meters } from '../core/metering/meters.js';
import type { Clock } from '../core/time/clock.js';
import type { HourRates, Rates } from './status-page/status-shape.js';

/** A point each ten seconds, for an hour. */
export const STEP_MS = 10_000;
export const MAX_POINTS = 360;

/** Rates are taken over at least this long, so that one batch more or less does not make them jump. */
const SHORTEST_SPAN_MS = 5_000;

/** Counters at one instant. */
interface Totals {
  /** Monotonic. */
  readonly atMs: number;
  readonly received: number;
  readonly forwarded: number;
  readonly refused: number;
}

interface Point extends Rates {
  /** Wall-clock seconds. */
  readonly endedAt: number;
}

/** The rates of the last hour, kept in memory so that a page just opened shows them at once. */
export class HourRing {
  readonly #clock: Clock;
  readonly #meters: Meters;
  readonly #points: Point[] = [];
  /** At the end of the last step, and of the one before. */
  #last: Totals;
  #before: Totals;

  constructor(clock: Clock, meters: Meters) {
    this.#clock = clock;
    this.#meters = meters;
    this.#last = this.#totals();
    this.#before = this.#last;
  }

  /** Ends a step; to be called each {@link STEP_MS}. */
  step(): void {
    this.#before = this.#last;
    this.#last = this.#totals();
    const rates = ratesBetween(this.#before, this.#last);
    this.#points.push({ endedAt: Math.round(this.#clock.wallMs() / 1_000), ...rates });
    if (this.#points.length > MAX_POINTS) this.#points.shift();
  }

  /** The rates of now: over the last five to fifteen seconds. */
  now(): Rates {
    const totals = this.#totals();
    return ratesBetween(totals.atMs - this.#last.atMs >= SHORTEST_SPAN_MS ? this.#last : this.#before, totals);
  }

  rates(): HourRates {
    return {
      stepSeconds: STEP_MS / 1_000,
      endedAt: this.#points.map(({ endedAt }) => endedAt),
      received: this.#points.map(({ received }) => received),
      forwarded: this.#points.map(({ forwarded }) => forwarded),
      refused: this.#points.map(({ refused }) => refused),
    };
  }

  #totals(): Totals {
    let [received, refused] = [0, 0];
    for (const results of Object.values(this.#meters.received)) {
      received += results.accepted;
      refused += results.refused + results.unavailable;
    }
    return { atMs: this.#clock.monotonicMs(), received, forwarded: this.#meters.forwarded, refused };
  }
}

function ratesBetween(from: Totals, to: Totals): Rates {
  const seconds = (to.atMs - from.atMs) / 1_000;
  const rate = (count: number) => (seconds > 0 ? Math.round((10 * count) / seconds) / 10 : 0);
  return {
    received: rate(to.received - from.received),
    forwarded: rate(to.forwarded - from.forwarded),
    refused: rate(to.refused - from.refused),
  };
}
