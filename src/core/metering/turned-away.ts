import type { ErrorCode, StatewayError } from '../errors.js';
import type { Clock } from '../time/clock.js';

/** So long without one more, and it is over. */
export const TURNED_AWAY_KEPT_MS = 600_000;
const MAX_MESSAGE_CHARACTERS = 300;

/** Devices that are told to come again, all for one reason. */
export interface TurnedAway {
  readonly code: ErrorCode;
  /** Of the last one. */
  readonly message: string;
  /** How many, since it began: none came later than {@link TURNED_AWAY_KEPT_MS} after the one before. */
  readonly count: number;
  /** Wall-clock milliseconds of the last one. */
  readonly atMs: number;
}

interface Entry extends TurnedAway {
  message: string;
  count: number;
  atMs: number;
  /** Monotonic. */
  readMs: number;
}

/**
 * For what devices are told to come again, and how often. They are not listed one by one: it concerns all of them, and may
 * be all that there is time for.
 */
export class TurnedAwayCounts {
  readonly #clock: Clock;
  /** No more of them than the table of errors has. */
  readonly #entries = new Map<ErrorCode, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns whether it is the first since it was over, or ever */
  note({ code, message }: StatewayError, times = 1): boolean {
    const readMs = this.#clock.monotonicMs();
    const atMs = this.#clock.wallMs();
    const entry = this.#entries.get(code);
    if (entry === undefined || readMs - entry.readMs > TURNED_AWAY_KEPT_MS) {
      this.#entries.set(code, { code, message: message.slice(0, MAX_MESSAGE_CHARACTERS), count: times, atMs, readMs });
      return true;
    }
    entry.message = message.slice(0, MAX_MESSAGE_CHARACTERS);
    entry.count += times;
    entry.atMs = atMs;
    entry.readMs = readMs;
    return false;
  }

  /** What is not over, the last one first. */
  recent(): readonly TurnedAway[] {
    const sinceMs = this.#clock.monotonicMs() - TURNED_AWAY_KEPT_MS;
    return [...this.#entries.values()].filter(({ readMs }) => readMs >= sinceMs).sort((a, b) => b.readMs - a.readMs);
  }
}
