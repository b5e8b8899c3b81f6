import type { DeviceState } from '../../src/state/validate.js';

/** One request that the cloud took. */
export interface Delivery {
  readonly arrivedAtMs: number;
  readonly states: readonly DeviceState[];
}

/** Requests so far, by device: a point in the course of what the cloud took. */
export type Tide = ReadonlyMap<string, number>;

/** All that the simulated cloud took, request by request. */
export class Deliveries {
  readonly #byDevice = new Map<string, Delivery[]>();
  readonly #numbers = new Map<string, Set<number>>();

  /** For `SimulatedCloudOptions.onTaken`. */
  readonly onTaken = (deviceId: string, states: readonly DeviceState[]): void => {
    const delivery = { arrivedAtMs: performance.now(), states };
    const deliveries = this.#byDevice.get(deviceId);
    if (deliveries === undefined) this.#byDevice.set(deviceId, [delivery]);
    else deliveries.push(delivery);
    const numbers = this.#numbers.get(deviceId) ?? new Set();
    this.#numbers.set(deviceId, numbers);
    for (const { data } of states) numbers.add(data.n as number);
  };

  of(deviceId: string): readonly Delivery[] {
    return this.#byDevice.get(deviceId) ?? [];
  }

  /** Whether the device's state of this number has come. */
  has(deviceId: string, n: number): boolean {
    return this.#numbers.get(deviceId)?.has(n) ?? false;
  }

  /** Different states of the device that have come. */
  count(deviceId: string): number {
    return this.#numbers.get(deviceId)?.size ?? 0;
  }

  tide(): Tide {
    return new Map(Array.from(this.#byDevice, ([deviceId, deliveries]) => [deviceId, deliveries.length]));
  }

  clear(): void {
    this.#byDevice.clear();
    this.#numbers.clear();
  }
}
