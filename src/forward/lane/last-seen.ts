import type { Refusals } from './refusals.js';

const DAY_MS = 86_400_000;
/** No device is called silent sooner. */
export const SILENT_AFTER_MS = 10 * 60_000;
/** A device that has been silent for this long is one of the past. */
export const FORGOTTEN_AFTER_MS = 7 * DAY_MS;

/**
 * When a device was heard of, and how long it pauses at most: what reports once an hour is not silent after ten minutes.
 * Times are monotonic.
 */
export class LastSeen {
  /** Whether the cloud has taken states of the device in this run. */
  hasDelivered = false;
  #lastMs = Number.NEGATIVE_INFINITY;
  #longestPauseMs = 0;

  /** When a state of the device was last stored; -Infinity before the first. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** A state of the device was stored. */
  hear(nowMs: number): void {
    const pauseMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    // Longer than a day is an absence, not a rhythm.
    if (pauseMs > this.#longestPauseMs && pauseMs <= DAY_MS) this.#longestPauseMs = pauseMs;
  }

  /** Whether nothing came for ten minutes, nor for twice the longest pause before. */
  isSilent(nowMs: number): boolean {
    const quietMs = nowMs - this.#lastMs;
    return quietMs >= Math.max(SILENT_AFTER_MS, 2 * this.#longestPauseMs) && quietMs < FORGOTTEN_AFTER_MS;
  }
}

/** About 8 MB. A plant with more devices loses sight of the silent ones first, and of nothing else. */
export const MAX_ABSENT_DEVICES = 50_000;

/** What outlives a device's lane. */
export interface DevicePast {
  readonly lastSeen: LastSeen;
  /** Undefined when the cloud took the last of its states. */
  readonly refusals: Refusals | undefined;
}

/** What is remembered of devices that have no lane at the moment; those that were dropped longest ago first. */
export class AbsentDevices {
  readonly #pasts = new Map<string, DevicePast>();
  readonly #mostDevices: number;

  constructor(mostDevices = MAX_ABSENT_DEVICES) {
    this.#mostDevices = mostDevices;
  }

  get size(): number {
    return this.#pasts.size;
  }

  /** @param deviceKey of a device that is not among them */
  add(deviceKey: string, past: DevicePast): void {
    if (this.#pasts.size >= this.#mostDevices) {
      this.#pasts.delete(this.#pasts.keys().next().value as string);
    }
    this.#pasts.set(deviceKey, past);
  }

  /** The device is back. */
  take(deviceKey: string): DevicePast | undefined {
    const past = this.#pasts.get(deviceKey);
    if (past !== undefined) this.#pasts.delete(deviceKey);
    return past;
  }

  find(deviceKey: string): DevicePast | undefined {
    return this.#pasts.get(deviceKey);
  }

  all(): Iterable<readonly [deviceKey: string, past: DevicePast]> {
    return this.#pasts;
  }
}
