import type { Device } from '../core/device.js';
import type { Grant } from '../core/grant.js';
import { type Clock, MAX_STAMP_AHEAD_MS } from '../core/time/clock.js';
import { isOutOfWindow } from '../core/time/cloud-window.js';
import { type Timebase, timebaseOf, withTimebase } from '../core/time/timebase.js';
import { type RecordView, UNSTAMPED } from '../state/record-layout.js';

/** What must be known of a device to give it a stamp no other reading has. */
interface DeviceStamps {
  /** The last stamp given. */
  lastStampMs: number;
  /** By how much the wall clock was ahead of the monotonic one when it was given. */
  clockOffsetMs: number;
  /** The number of the timebase that it was counted with. */
  timebase: number;
  /** The last time the device itself named, or counted from its arrival. */
  lastOwnMs: number;
}

/** What is known of the timebases that times are marked with. */
export interface KnownTimebases {
  baseOf(number: number): Timebase | undefined;
}

/** Devices remembered before the first look for those that can be forgotten. */
const FIRST_SWEEP_DEVICES = 1024;
/**
 * How long a stamp is remembered at least: longer than a state can be on its way through the workers, or two states
 * that came in one millisecond might get one stamp, and longer than the steps by which a clock is corrected.
 */
const STAMPS_KEPT_MS = 600_000;
/** What the difference of the two clocks may change by the rounding of their readings, or by what happens between these. */
const CLOCK_NOISE_MS = 1_000;
const NO_TIMES: ReadonlySet<number> = new Set();

/**
 * Gives the states that brought no time their time of arrival, made unique for the device: the cloud keeps one record
 * for a device and millisecond, so two readings under one invented stamp would destroy one another (contract 1.5; docs/cloud.md,
 * "States"). A stamp is never before the one given last, even when the wall clock goes back, unless it would lie
 * more than a minute ahead of a clock that was set back, or so far that the cloud ignored the state. A device that sends
 * more than 1,000 states a second runs ahead of the clock by itself: its stamps go on rising, as readings that overwrite
 * one another would be the greater harm.
 *
 * Runs where batches come back in order, after the workers: a worker cannot know what another has given.
 */
export class Stamper {
  readonly #clock: Clock;
  readonly #timebases: KnownTimebases;
  readonly #floorMs: number;
  /** Of the record that is being stamped. */
  #clockOffsetMs = 0;
  readonly #devices = new Map<string, DeviceStamps>();
  #nextSweepDevices = FIRST_SWEEP_DEVICES;

  /** @param floorMs up to this, an earlier run may have given stamps: those of a device may run ahead of the clock */
  constructor(clock: Clock, timebases: KnownTimebases, floorMs = Number.NEGATIVE_INFINITY) {
    this.#clock = clock;
    this.#timebases = timebases;
    this.#floorMs = floorMs > clock.wallMs() + MAX_STAMP_AHEAD_MS ? Number.NEGATIVE_INFINITY : floorMs;
  }

  /** Devices remembered. */
  get size(): number {
    return this.#devices.size;
  }

  /**
   * Stamps every state of a record that has no time; see `UNSTAMPED` in the record layout.
   * @param grants by chunk: whose device it is, since reading ids back from the record costs more than all the rest
   * @returns the latest stamp given; -Infinity for none
   */
  stamp(record: RecordView, grants: readonly Grant[]): number {
    if (this.#devices.size >= this.#nextSweepDevices) this.#sweep();
    this.#clockOffsetMs = this.#clock.wallMs() - this.#clock.monotonicMs();
    let latestMs = Number.NEGATIVE_INFINITY;
    for (let chunk = 0; chunk < record.chunkCount; chunk++) {
      const { key } = (grants[chunk] as Grant).device;
      const givenMs = this.#stampChunk(record, key, record.chunkFirstState(chunk), record.chunkStateCount(chunk));
      if (givenMs > latestMs) latestMs = givenMs;
    }
    return latestMs;
  }

  /**
   * Stamps for states that are sent at once in place of being stored, so that none of those stored before or after them
   * gets the same.
   * @param arrivalMs marked with its timebase, as `ArrivalClock.arrivalMs` gives it
   * @param ownTimes that states beside them name themselves
   * @returns whole milliseconds, rising
   */
  stampsFor({ key }: Device, arrivalMs: number, ownTimes: ReadonlySet<number>, count: number): number[] {
    this.#clockOffsetMs = this.#clock.wallMs() - this.#clock.monotonicMs();
    const stamps = this.#stampsOf(key);
    const wholeMs = Math.floor(arrivalMs);
    const timebase = timebaseOf(arrivalMs);
    const given = Array.from({ length: count }, () => this.#next(stamps, wholeMs, timebase, ownTimes));
    for (const ownMs of ownTimes) stamps.lastOwnMs = ownMs;
    return given;
  }

  /** @returns the last stamp given; -Infinity for none */
  #stampChunk(record: RecordView, deviceKey: string, first: number, count: number): number {
    const { times } = record;
    const stamps = this.#stampsOf(deviceKey);
    const end = first + count;
    let ownTimes: ReadonlySet<number> | undefined;
    let givenMs = Number.NEGATIVE_INFINITY;
    for (let state = first; state < end; state++) {
      const time = times[state] as number;
      const arrivalMs = Math.floor(time);
      if (time - arrivalMs < UNSTAMPED) {
        stamps.lastOwnMs = arrivalMs;
        continue;
      }
      ownTimes ??= ownTimesOf(times, first, end);
      const timebase = timebaseOf(time);
      givenMs = this.#next(stamps, arrivalMs, timebase, ownTimes);
      times[state] = withTimebase(givenMs, timebase);
    }
    return givenMs;
  }

  /** The next stamp of a device, whole milliseconds, none that states beside it name themselves. */
  #next(stamps: DeviceStamps, arrivalMs: number, timebase: number, ownTimes: ReadonlySet<number>): number {
    if (timebase !== stamps.timebase) this.#change(stamps, timebase, arrivalMs);
    let stampMs = arrivalMs > stamps.lastStampMs ? arrivalMs : stamps.lastStampMs + 1;
    if (stampMs > arrivalMs + MAX_STAMP_AHEAD_MS && this.#isTooFarAhead(stamps, stampMs, arrivalMs))
      stampMs = arrivalMs;
    while (stampMs === stamps.lastOwnMs || ownTimes.has(stampMs)) stampMs++;
    stamps.lastStampMs = stampMs;
    stamps.clockOffsetMs = this.#clockOffsetMs;
    return stampMs;
  }

  /** Of a stamp that lies more than {@link MAX_STAMP_AHEAD_MS} ahead: whether that is the clock's doing, and not the device's. */
  #isTooFarAhead({ clockOffsetMs }: DeviceStamps, stampMs: number, arrivalMs: number): boolean {
    return clockOffsetMs > this.#clockOffsetMs + CLOCK_NOISE_MS || isOutOfWindow(stampMs, arrivalMs);
  }

  /**
   * Stamps of a device are counted with another timebase from now on. The last one counts on by the monotonic clock, so
   * that both are different when both are corrected by it. Where it is decided what the last one is sent with, the next is
   * behind that too, within {@link MAX_STAMP_AHEAD_MS}.
   */
  #change(stamps: DeviceStamps, timebase: number, arrivalMs: number): void {
    const before = this.#timebases.baseOf(stamps.timebase);
    const next = this.#timebases.baseOf(timebase);
    stamps.timebase = timebase;
    if (before === undefined || next === undefined || before.bootTag !== next.bootTag) return;
    const linkedMs = stamps.lastStampMs + next.offsetMs - before.offsetMs;
    const sentMs = stamps.lastStampMs + (before.correctionMs ?? Number.NEGATIVE_INFINITY);
    stamps.lastStampMs = sentMs < arrivalMs + MAX_STAMP_AHEAD_MS ? Math.max(linkedMs, sentMs) : linkedMs;
    stamps.clockOffsetMs = this.#clockOffsetMs;
  }

  #stampsOf(deviceKey: string): DeviceStamps {
    let stamps = this.#devices.get(deviceKey);
    if (stamps === undefined) {
      const clockOffsetMs = this.#clockOffsetMs;
      stamps = { lastStampMs: this.#floorMs, clockOffsetMs, timebase: 0, lastOwnMs: Number.NEGATIVE_INFINITY };
      this.#devices.set(deviceKey, stamps);
    }
    return stamps;
  }

  /** Forgets devices whose stamps lie so far back that no new one can fall there. */
  #sweep(): void {
    const oldestKeptMs = this.#clock.wallMs() - STAMPS_KEPT_MS;
    for (const [key, stamps] of this.#devices) {
      if (stamps.lastStampMs < oldestKeptMs && stamps.lastOwnMs < oldestKeptMs) this.#devices.delete(key);
    }
    this.#nextSweepDevices = Math.max(FIRST_SWEEP_DEVICES, 2 * this.#devices.size);
  }
}

/** The times that states of a chunk name themselves; to be asked before any of them is stamped. */
function ownTimesOf(times: Float64Array, first: number, end: number): ReadonlySet<number> {
  let ownTimes: Set<number> | undefined;
  for (let state = first; state < end; state++) {
    const time = times[state] as number;
    const wholeMs = Math.floor(time);
    if (time - wholeMs >= UNSTAMPED) continue;
    ownTimes ??= new Set();
    ownTimes.add(wholeMs);
  }
  return ownTimes ?? NO_TIMES;
}
