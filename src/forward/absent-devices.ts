import type { Hearing } from './hearing.js';

/** About 8 MB. A plant with more devices loses sight of the silent ones first, and of nothing else. */
export const MAX_ABSENT_DEVICES = 50_000;

/** What is remembered of devices that have no lane at the moment; those that were dropped longest ago first. */
export class AbsentDevices {
  readonly #hearings = new Map<string, Hearing>();
  readonly #mostDevices: number;

  constructor(mostDevices = MAX_ABSENT_DEVICES) {
    this.#mostDevices = mostDevices;
  }

  get size(): number {
    return this.#hearings.size;
  }

  /** @param deviceKey of a device that is not among them */
  add(deviceKey: string, hearing: Hearing): void {
    if (this.#hearings.size >= this.#mostDevices) {
      this.#hearings.delete(this.#hearings.keys().next().value as string);
    }
    this.#hearings.set(deviceKey, hearing);
  }

  /** The device is back. */
  take(deviceKey: string): Hearing | undefined {
    const hearing = this.#hearings.get(deviceKey);
    if (hearing !== undefined) this.#hearings.delete(deviceKey);
    return hearing;
  }

  all(): Iterable<readonly [deviceKey: string, hearing: Hearing]> {
    return this.#hearings;
  }
}
