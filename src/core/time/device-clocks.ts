import type { Device } from '../device.js';
import type { Meters } from '../metering/meters.js';
import type { Clock } from './clock.js';
import type { IgnoredTimes, OutOfWindow, TimeRules, TimeWindow } from './cloud-window.js';

/** Devices that are known by name at most, about 3 MB; of more, those that were wrong first are forgotten first. */
export const MAX_WRONG_CLOCKS = 10_000;
/** A device that has sent nothing for so long is in trouble with its clock no more: one that reports daily stays. */
export const WRONG_FOR_MS = 25 * 3_600_000;
/** Of one device nobody is told again sooner, however often its clock comes and goes. */
export const TOLD_EVERY_MS = 3_600_000;

/** A device that sends times which the cloud does not keep. */
export interface WrongClock {
  readonly device: Device;
  /** States with such a time since {@link WrongClock.sinceMs}. */
  readonly states: number;
  /** Of the last of them, milliseconds since the epoch. */
  readonly lastTimeMs: number;
  /** Monotonic. */
  readonly sinceMs: number;
}

export interface DeviceClocksParts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Which times the cloud keeps now, as far as is known what time it is. */
  readonly window: () => TimeWindow;
  /** `STATEWAY_OUT_OF_WINDOW`. */
  readonly outOfWindow: OutOfWindow;
  readonly meters: Pick<Meters, 'outOfWindow'>;
  /** Told when a device comes to be in trouble, for the log. */
  readonly onWrong: (clock: WrongClock) => void;
  /** Told when one that was told of sends right times again. */
  readonly onRight: (clock: WrongClock) => void;
}

interface Entry {
  readonly device: Device;
  states: number;
  lastTimeMs: number;
  sinceMs: number;
  /** Monotonic: when the last such state came. */
  lastMs: number;
  isWrong: boolean;
  /** Whether somebody was told of this time that it is wrong. */
  isTold: boolean;
  /** Monotonic: when somebody was told last. */
  toldMs: number;
}

/**
 * Which devices have a clock that is wrong, by the times that their states bring: intake and auth note what comes, the
 * lanes read it for people. A device's trouble ends with its next state that the cloud keeps, or when none has come for
 * {@link WRONG_FOR_MS}. A good state costs nothing here while no clock is wrong, and one look-up for its chunk while one is.
 */
export class DeviceClocks {
  readonly #parts: DeviceClocksParts;
  /** By device key, in the order in which they were noted first. */
  readonly #entries = new Map<string, Entry>();

  constructor(parts: DeviceClocksParts) {
    this.#parts = parts;
  }

  /** What becomes of states with such times. */
  get outOfWindow(): OutOfWindow {
    return this.#parts.outOfWindow;
  }

  /** How states are judged that arrive now. */
  get rules(): TimeRules {
    const { outOfWindow, window } = this.#parts;
    const { earliestMs, latestMs } = window();
    return { earliestMs, latestMs, outOfWindow };
  }

  /** Whether no clock is known to be wrong, so that there is nothing to be told of good times. */
  get isIdle(): boolean {
    return this.#entries.size === 0;
  }

  /** A device with a grant has sent such states: they are answered. */
  noteIgnored(device: Device, { states, lastTimeMs, isRightAgain }: IgnoredTimes): void {
    const { clock, meters, outOfWindow } = this.#parts;
    if (outOfWindow === 'forward') meters.outOfWindow += states;
    const nowMs = clock.monotonicMs();
    const entry = this.#entries.get(device.key) ?? this.#add(device);
    if (!entry.isWrong || isOver(entry, nowMs)) {
      entry.isWrong = true;
      entry.states = 0;
      entry.sinceMs = nowMs;
    }
    entry.states += states;
    entry.lastTimeMs = lastTimeMs;
    entry.lastMs = nowMs;
    this.#tell(entry, nowMs);
    if (isRightAgain) this.noteKept(device.key);
  }

  /** A device has sent a state whose time the cloud keeps, or the proxy gave. */
  noteKept(deviceKey: string): void {
    const entry = this.#entries.get(deviceKey);
    if (entry === undefined || !entry.isWrong) return;
    entry.isWrong = false;
    // Of what was not told again nobody need hear the end.
    if (entry.isTold) this.#parts.onRight(entry);
    entry.isTold = false;
  }

  /** Those that are wrong now. Forgets what is over. */
  *wrong(): Iterable<WrongClock> {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const [key, entry] of this.#entries) {
      if (isOver(entry, nowMs)) this.#entries.delete(key);
      else if (entry.isWrong) yield entry;
    }
  }

  #add(device: Device): Entry {
    if (this.#entries.size >= MAX_WRONG_CLOCKS) this.#entries.delete(this.#entries.keys().next().value as string);
    const [lastMs, toldMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const entry = { device, states: 0, lastTimeMs: 0, sinceMs: 0, lastMs, isWrong: false, isTold: false, toldMs };
    this.#entries.set(device.key, entry);
    return entry;
  }

  #tell(entry: Entry, nowMs: number): void {
    if (nowMs - entry.toldMs < TOLD_EVERY_MS) return;
    entry.toldMs = nowMs;
    entry.isTold = true;
    this.#parts.onWrong(entry);
  }
}

/** Whether it need not be known any more: for good ones, how lately somebody was told of them. */
function isOver({ isWrong, lastMs, toldMs }: Entry, nowMs: number): boolean {
  return isWrong ? nowMs - lastMs >= WRONG_FOR_MS : nowMs - toldMs >= TOLD_EVERY_MS;
}
