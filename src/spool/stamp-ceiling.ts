import { type Clock, MAX_STAMP_AHEAD_MS } from '../core/clock.js';

/** Stamps that one writing covers, so that a device that runs ahead of the clock does not cause one with each record. */
const STAMPS_AT_ONCE_MS = 1_000;

/** The stamp up to which it is written down that stamps were given: after a crash one ahead of the clock would be again. */
export class StampCeiling {
  readonly #clock: Clock;
  readonly #note: () => Promise<void>;
  #ms: number;

  /** @param note writes {@link StampCeiling.ms} to the journal, before what is appended after it */
  constructor(clock: Clock, ms: number, note: () => Promise<void>) {
    this.#clock = clock;
    this.#ms = ms;
    this.#note = note;
  }

  get ms(): number {
    return this.#ms;
  }

  /**
   * To be told of the latest stamp of each record before it is appended. Nobody waits for what this writes: records must
   * become stored in the order of their numbers, without detours.
   */
  note(latestStampMs: number): void {
    const wallMs = this.#clock.wallMs();
    if (latestStampMs <= wallMs) return;
    // From before the clock was set back: it would hide the stamps that run ahead of the clock as it is now.
    const isOutdated = this.#ms > wallMs + MAX_STAMP_AHEAD_MS + STAMPS_AT_ONCE_MS;
    if (latestStampMs <= this.#ms && !isOutdated) return;
    this.#ms = latestStampMs + STAMPS_AT_ONCE_MS;
    this.#note().catch(() => {
      this.#ms = Number.NEGATIVE_INFINITY;
    });
  }
}
