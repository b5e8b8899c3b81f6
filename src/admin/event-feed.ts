import type { ServerResponse } from 'node:http';
import type { Clock } from '../core/time/clock.js';

/** Pages that may be open at one time. */
export const MAX_VIEWERS = 20;
/** A viewer that has not taken this much is dropped; its page connects again by itself. */
export const MAX_UNSENT_BYTES = 256 * 1024;
export const STATUS_EVERY_MS = 1_000;
/** How soon a browser connects again after its stream ended (Server-Sent Events, field `retry`). */
const RETRY_MS = 2_000;

/** What is told; each is called once for all viewers, and may throw when there is nothing to tell. */
export interface FeedSources {
  readonly clock: Clock;
  status(): unknown;
  hour(): unknown;
  /** Told why there is nothing to tell. */
  onUnreadable(error: unknown): void;
}

/**
 * Tells every open page how things stand, as Server-Sent Events (WHATWG HTML, 9.2): `status` once a second, `hour` when it
 * has changed. While nobody looks, nothing is read and no timer runs.
 */
export class EventFeed {
  readonly #sources: FeedSources;
  /** With the address of each, the oldest first. */
  readonly #viewers = new Map<ServerResponse, string>();
  #status = '';
  #statusAtMs = Number.NEGATIVE_INFINITY;
  #cancelTimer: () => void = () => {};

  constructor(sources: FeedSources) {
    this.#sources = sources;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /**
   * Whether a viewer at an address can be taken. Where as many look as may, one of the address with the most of them makes
   * room for it, if it has at least two more than the new one's: nobody can take all places for long.
   */
  hasRoomFor(holder: string): boolean {
    return this.#viewers.size < MAX_VIEWERS || this.#oneTooMany(holder) !== undefined;
  }

  /**
   * Takes a viewer whose head was written; tells it everything at once, then as things go on.
   * @param holder its address
   */
  add(response: ServerResponse, holder: string): void {
    // Gone already: its close has been told, and would not be again.
    if (response.destroyed) return;
    if (this.#viewers.size >= MAX_VIEWERS) this.#oneTooMany(holder)?.destroy();
    this.#viewers.set(response, holder);
    response.once('close', () => this.#remove(response));
    response.write(`retry: ${RETRY_MS}\n\n`);
    response.write(this.#hourEvent() + this.#freshStatus());
    if (this.#viewers.size === 1) this.#scheduleStatus();
  }

  /** A step of the last hour has ended. */
  tellHour(): void {
    if (this.#viewers.size > 0) this.#tell(this.#hourEvent());
  }

  /** Ends every stream. */
  close(): void {
    for (const viewer of this.#viewers.keys()) {
      this.#remove(viewer);
      viewer.end();
    }
  }

  #remove(response: ServerResponse): void {
    this.#viewers.delete(response);
    if (this.#viewers.size === 0) this.#cancelTimer();
  }

  #scheduleStatus(): void {
    this.#cancelTimer = this.#sources.clock.schedule(STATUS_EVERY_MS, () => {
      this.#tell(this.#freshStatus());
      if (this.#viewers.size > 0) this.#scheduleStatus();
    });
  }

  /** The oldest viewer of the address that has the most, at least two more than `holder`. */
  #oneTooMany(holder: string): ServerResponse | undefined {
    const counts = new Map<string, number>();
    for (const each of this.#viewers.values()) counts.set(each, (counts.get(each) ?? 0) + 1);
    const [most, count] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), [holder, 0]);
    if (count < (counts.get(holder) ?? 0) + 2) return undefined;
    return [...this.#viewers].find(([, each]) => each === most)?.[0];
  }

  #tell(events: string): void {
    for (const viewer of this.#viewers.keys()) {
      if (viewer.writableLength > MAX_UNSENT_BYTES) viewer.destroy();
      else viewer.write(events);
    }
  }

  #hourEvent(): string {
    return this.#eventOf('hour', this.#sources.hour);
  }

  /** The status of this second: who comes in between is told what the others were. */
  #freshStatus(): string {
    const nowMs = this.#sources.clock.monotonicMs();
    if (nowMs - this.#statusAtMs >= STATUS_EVERY_MS) {
      this.#status = this.#eventOf('status', this.#sources.status);
      this.#statusAtMs = nowMs;
    }
    return this.#status;
  }

  /** Figures that cannot be read are left out: the page shows how old those are that it has. */
  #eventOf(name: string, read: () => unknown): string {
    try {
      return `event: ${name}\ndata: ${JSON.stringify(read())}\n\n`;
    } catch (error) {
      this.#sources.onUnreadable(error);
      return ': the figures cannot be read now\n\n';
    }
  }
}
