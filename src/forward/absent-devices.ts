import type { Hearing } from './hearing.js';
import type { Refusals } from './refusals.js';

/** About 8 MB. A plant with more devices loses sight of the silent ones first, and of nothing else. */
export const MAX_ABSENT_DEVICES = 50_000;

/** What outlives a device's lane. */
export interface DevicePast {
  readonly hearing: Hearing;
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
