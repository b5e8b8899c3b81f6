import type { HourRates, Status } from './status-shape.js';

/** A second without news is the network's; this much is a lost connection. */
const STALE_AFTER_MS = 4_000;
/** A stream that says nothing for this long is opened anew: its other end may be gone without a word. */
const REOPEN_AFTER_MS = 12_000;
const LOOK_EVERY_MS = 500;

export interface FeedReceiver {
  onStatus(status: Status): void;
  onHour(rates: HourRates): void;
  /**
   * Told again and again.
   * @param seconds since the last news; 0 while they come as they should
   * @param isFirst there were none yet: seconds since the page was opened
   */
  onAge(seconds: number, isFirst: boolean): void;
}

/** Follows `/events` for as long as the page is open; a lost connection is made again by itself. */
export class LiveFeed {
  readonly #receiver: FeedReceiver;
  #source: EventSource | undefined;
  #openedAtMs = 0;
  #newsAtMs: number | undefined;

  constructor(receiver: FeedReceiver) {
    this.#receiver = receiver;
    this.#open();
    setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  #open(): void {
    this.#source?.close();
    this.#openedAtMs = performance.now();
    const source = new EventSource('/events');
    source.addEventListener('status', ({ data }) => {
      this.#newsAtMs = performance.now();
      this.#receiver.onStatus(JSON.parse(data));
      this.#look();
    });
    source.addEventListener('hour', ({ data }) => this.#receiver.onHour(JSON.parse(data)));
    this.#source = source;
  }

  #look(): void {
    const nowMs = performance.now();
    const quietMs = nowMs - Math.max(this.#newsAtMs ?? 0, this.#openedAtMs);
    // A browser gives up for good when it is answered with an error, as by a proxy in between or when too many look.
    const hasGivenUp = this.#source?.readyState === EventSource.CLOSED && quietMs > STALE_AFTER_MS;
    if (hasGivenUp || quietMs > REOPEN_AFTER_MS) this.#open();
    // `performance.now` counts from the opening of the page.
    const ageMs = nowMs - (this.#newsAtMs ?? 0);
    this.#receiver.onAge(ageMs < STALE_AFTER_MS ? 0 : Math.round(ageMs / 1_000), this.#newsAtMs === undefined);
  }
}
