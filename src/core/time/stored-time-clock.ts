import type { Clock } from './clock.js';

const YEAR_MS = 365 * 86_400_000;

/**
 * How long states have waited, whatever the wall clock does.
 *
 * While the machine is up, ages grow with the monotonic clock alone. What has to outlive it (`storedAtMs` of records and
 * of backlog pieces) is written by a wall clock that is read once in a boot, and moved on by the monotonic one, so that no
 * jump changes an age, and no restart.
 *
 * Of the time before the boot only wall-clock stamps tell, and either clock may have been wrong. A stamp from before
 * the start is believed unless it is longer ago than the retention and a year together, as stamps of a machine are that
 * booted in 1970; a stamp from after now cannot be right. In both cases the age counts from the start of this run: a
 * wrong clock can make a state wait up to a retention longer, but never gives up one that has only just come. The
 * jumps in between, of an hour or a month, shift an age by as much; {@link Expiry} gives such states their chance first.
 */
export class StoredTimeClock {
  readonly #clock: Clock;
  readonly #startWallMs: number;
  readonly #startMs: number;
  readonly #absurdMs: number;

  /** @param wallOffsetMs by how much the wall clock was ahead of the monotonic one when it was read in this boot */
  constructor(clock: Clock, retentionMs: number, wallOffsetMs: number) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
    this.#startWallMs = wallOffsetMs + this.#startMs;
    this.#absurdMs = retentionMs + YEAR_MS;
  }

  /** Monotonic: since when states have waited that are stamped `storedAtMs`, in this run or an earlier one. */
  sinceMs(storedAtMs: number): number {
    const beforeStartMs = this.#startWallMs - storedAtMs;
    const elapsedMs = this.#clock.monotonicMs() - this.#startMs;
    const isCredible = beforeStartMs <= this.#absurdMs && -beforeStartMs <= elapsedMs;
    return isCredible ? this.#startMs - beforeStartMs : this.#startMs;
  }

  /** The stamp for what is stored now. */
  nowMs(): number {
    return this.storedAtMs(this.#clock.monotonicMs());
  }

  /** The stamp for states that have waited since `sinceMs`; {@link StoredTimeClock.sinceMs} turns it back. */
  storedAtMs(sinceMs: number): number {
    return Math.round(this.#startWallMs + sinceMs - this.#startMs);
  }
}
