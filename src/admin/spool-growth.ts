import type { Clock } from '../core/time/clock.js';

/** Over how long the growth is taken. */
export const GROWTH_SPAN_MS = 5 * 60_000;
/** Less tells nothing. */
export const SHORTEST_GROWTH_SPAN_MS = 20_000;

interface Sample {
  /** Monotonic. */
  readonly atMs: number;
  readonly bytes: number;
}

/** How fast the spool grows, over the last minutes. */
export class SpoolGrowth {
  readonly #clock: Clock;
  /** Oldest first; none older than {@link GROWTH_SPAN_MS}, but for one. */
  readonly #samples: Sample[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called now and then, the more often the smoother the figure. */
  sample(bytes: number): void {
    const atMs = this.#clock.monotonicMs();
    this.#samples.push({ atMs, bytes });
    const samples = this.#samples;
    while (samples.length > 1 && atMs - (samples[1] as Sample).atMs >= GROWTH_SPAN_MS) samples.shift();
  }

  /**
   * Bytes a second from the oldest sample to now, negative while it empties; undefined where that is too short.
   * @param sinceWallMs what was before says nothing of now, such as the end of the last outage
   */
  bytesPerSecond(bytes: number, sinceWallMs: number | undefined): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = sinceWallMs === undefined ? Number.NEGATIVE_INFINITY : nowMs - (this.#clock.wallMs() - sinceWallMs);
    const from = this.#samples.find(({ atMs }) => atMs >= sinceMs);
    if (from === undefined || nowMs - from.atMs < SHORTEST_GROWTH_SPAN_MS) return undefined;
    return (bytes - from.bytes) / ((nowMs - from.atMs) / 1_000);
  }
}

/** What the spool may grow to. */
export interface SpoolRoom {
  readonly maxBytes: number;
  /** Undefined when the disk cannot be asked. */
  readonly freeDiskBytes: number | undefined;
}

/**
 * Seconds until the spool is full, by its limit or by its disk, whichever is nearer; undefined while it does not grow.
 */
export function fullInSeconds(bytes: number, bytesPerSecond: number | undefined, room: SpoolRoom): number | undefined {
  if (bytesPerSecond === undefined || bytesPerSecond <= 0) return undefined;
  const left = Math.min(room.maxBytes - bytes, room.freeDiskBytes ?? Number.POSITIVE_INFINITY);
  return Math.max(0, left) / bytesPerSecond;
}
