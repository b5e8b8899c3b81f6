import type { CountedSends } from '../../core/spool-ports.js';

/** Of all pacings of which nothing counts: there may be a hundred thousand. Never changed. */
const NONE: number[] = [];
/** Up to so many arrivals take no more room than they need: a device that reports now and then has one or two. */
const EXACT_UP_TO = 8;

/** How many requests the cloud allows one device, in any window of this length. */
export interface RateLimit {
  readonly requests: number;
  readonly windowMs: number;
}

/** Added to the window: two clocks that drift by 500 ppm, NTP's fastest slew, are 7.5 ms apart after 15 s, and each rounds. */
export const CLOCK_MARGIN_MS = 25;

/**
 * Paces the requests of one device so that the cloud never counts more than the limit in any window, whatever the
 * network delays (the promise of contract 1.5). Times are monotonic milliseconds and must not fall.
 *
 * The rule: a request counts from its start until one whole window after the **latest instant at which it can have
 * arrived**; another may start while fewer than `limit` count.
 *
 * Why it holds: take any window [x, x+W] of the cloud's and the last started, at s, of the requests that arrive in it. It
 * arrives no earlier than it starts, so s <= x+W. Each of the others arrived at x or later, so its latest arrival is no
 * earlier than x, which is no earlier than s-W: it counted at s. Fewer than `limit` did, so with the last one they are
 * at most `limit`.
 *
 * When a request was answered, its latest arrival is the answer. The rule needs no margin of a request and no case for a
 * limit of 1; the one request in flight per device is what makes the answer of each known before the next.
 */
export class Pacing {
  readonly #limit: number;
  /** For how long a request counts after its latest arrival. */
  readonly #windowMs: number;
  /** Latest arrivals of the requests that count, rising; never more than `limit`, as only the newest can bind. */
  #latestArrivals = NONE;

  constructor(limit: RateLimit) {
    this.#limit = limit.requests;
    this.#windowMs = limit.windowMs + CLOCK_MARGIN_MS;
  }

  /** A request ended with an answer. */
  answered(nowMs: number): void {
    this.#add(nowMs);
  }

  /**
   * A request ended without an answer but may have left. Its socket is gone, so what can still arrive is what the
   * network and the other side's buffers hold: a whole window is taken as the longest that may last (the usual maximum
   * life of a TCP segment on real lines is seconds, a cloud's accept queue is served in less).
   * @param openMs for so long its socket stays open yet
   */
  lost(nowMs: number, openMs = 0): void {
    this.#add(nowMs + openMs + this.#windowMs);
  }

  /**
   * Counts what an earlier run sent and wrote down. One that counted in a shorter window, under another limit, says
   * nothing of what came before it: then as many are taken as the limit allows. What was sent in a longer window counts
   * for as long as that lasts: 30 in 15 s and then 10 in 5 s must not come together in 15 s. More than the limit never
   * count, and none longer than one that was lost just now, so a broken figure holds the device for two windows at most.
   */
  seed({ count, windowMs, untilMs }: CountedSends, nowMs: number): void {
    const sends = windowMs + CLOCK_MARGIN_MS < this.#windowMs ? this.#limit : count;
    const outlastsMs = Math.max(0, windowMs + CLOCK_MARGIN_MS - this.#windowMs);
    this.#addMany(sends, Math.min(untilMs, nowMs + Math.max(windowMs, this.#windowMs)) + outlastsMs);
  }

  /** Counts what the last run may have sent without living to write it down, if it ended at `endedMs`. */
  seedUnrecorded(sends: number, endedMs: number): void {
    this.#addMany(sends, endedMs + this.#windowMs);
  }

  /** What counts at `nowMs`, for {@link Pacing.seed} of a later run. */
  countedSends(nowMs: number): CountedSends {
    this.#forget(nowMs);
    const count = this.#latestArrivals.length;
    const untilMs = this.#latestArrivals.at(-1) ?? nowMs;
    return { count, windowMs: this.#windowMs - CLOCK_MARGIN_MS, untilMs };
  }

  /** Requests that may count in a window. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * The earliest instant, not before `nowMs`, at which a request may start.
   * @param below how many may count then, without it; the limit unless given
   */
  earliestStartMs(nowMs: number, below = this.#limit): number {
    this.#forget(nowMs);
    const over = this.#latestArrivals.length - below;
    return over < 0 ? nowMs : (this.#latestArrivals[over] as number) + this.#windowMs;
  }

  /** The earliest instant at which something that started then counts no more, if it has its answer at once. */
  countedUntilMs(startedMs: number): number {
    return startedMs + this.#windowMs;
  }

  /** Requests that count at `nowMs`. */
  countAt(nowMs: number): number {
    this.#forget(nowMs);
    return this.#latestArrivals.length;
  }

  /** When the last request that counts stops counting; `-Infinity` when none does. */
  emptyAtMs(): number {
    const last = this.#latestArrivals.at(-1);
    return last === undefined ? Number.NEGATIVE_INFINITY : last + this.#windowMs;
  }

  #addMany(sends: number, latestArrivalMs: number): void {
    const most = Math.min(sends, this.#limit);
    if (this.#latestArrivals.length === 0 && most > 0) {
      this.#latestArrivals = new Array<number>(most).fill(latestArrivalMs);
      return;
    }
    for (let send = most; send > 0; send--) this.#add(latestArrivalMs);
  }

  #add(latestArrivalMs: number): void {
    const arrivals = this.#latestArrivals;
    let at = arrivals.length;
    while (at > 0 && (arrivals[at - 1] as number) > latestArrivalMs) at--;
    if (arrivals.length === 0) this.#latestArrivals = [latestArrivalMs];
    else if (arrivals.length >= EXACT_UP_TO) arrivals.splice(at, 0, latestArrivalMs);
    else this.#latestArrivals = arrivals.toSpliced(at, 0, latestArrivalMs);
    if (this.#latestArrivals.length > this.#limit) this.#latestArrivals.shift();
  }

  #forget(nowMs: number): void {
    const arrivals = this.#latestArrivals;
    let past = 0;
    while (past < arrivals.length && (arrivals[past] as number) + this.#windowMs <= nowMs) past++;
    if (past === arrivals.length) this.#latestArrivals = NONE;
    else if (past > 0) arrivals.splice(0, past);
  }
}
