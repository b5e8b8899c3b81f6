import { type ArrivalClock, type Clock, systemClock } from '../core/time/clock.js';
import type { TimeRules } from '../core/time/cloud-window.js';
import { timebaseOf, withTimebase } from '../core/time/timebase.js';
import type { ClockReading } from './front-messages.js';

/** What the hub's clocks show, to be told to fronts. */
export function readClock(clock: ArrivalClock, rules: TimeRules): ClockReading {
  const arrivalMs = clock.arrivalMs();
  const readMs = clock.monotonicMs();
  const aheadMs = Math.floor(arrivalMs) - readMs;
  return { aheadMs, timebase: timebaseOf(arrivalMs), isCredible: clock.isCredible, rules, readMs };
}

/**
 * The time in a front: that of the monotonic clock, by which all threads of a machine go alike, and the hub's word for how far
 * the wall clock is ahead of it. So a time of arrival is counted with the timebase that it is marked with, also where the wall
 * clock was set since the hub said so.
 */
export class HubClock implements ArrivalClock {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'schedule'>;
  #reading: ClockReading;

  constructor(reading: ClockReading, clock: Pick<Clock, 'monotonicMs' | 'schedule'> = systemClock) {
    this.#reading = reading;
    this.#clock = clock;
  }

  /** The hub has said what time it is. */
  set(reading: ClockReading): void {
    this.#reading = reading;
  }

  wallMs(): number {
    return Math.floor(this.#clock.monotonicMs() + this.#reading.aheadMs);
  }

  arrivalMs(): number {
    return withTimebase(this.wallMs(), this.#reading.timebase);
  }

  get isCredible(): boolean {
    return this.#reading.isCredible;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  schedule(delayMs: number, task: () => void): () => void {
    return this.#clock.schedule(delayMs, task);
  }

  /** How times are judged that devices name. */
  get rules(): TimeRules {
    const { rules, readMs } = this.#reading;
    const sinceMs = this.#clock.monotonicMs() - readMs;
    return { ...rules, earliestMs: rules.earliestMs + sinceMs, latestMs: rules.latestMs + sinceMs };
  }
}
