import { Device } from '../core/device.js';
import type { LaneView, LastState } from '../core/known-device.js';
import type { DeviceWatch } from './device-watch.js';
import type { LaneTable } from './lane-table.js';
import type { LastStates } from './last-states.js';

export interface DeviceLookParts {
  readonly table: LaneTable;
  readonly watch: DeviceWatch;
  readonly lastStates: LastStates;
}

/** What the lanes know of single devices, for people. Looks devices up by their id alone, which takes some milliseconds. */
export class DeviceLook {
  readonly #parts: DeviceLookParts;

  constructor(parts: DeviceLookParts) {
    this.#parts = parts;
  }

  /** The device of an id that has a lane or was heard of in this run. @param deviceId lower case */
  find(deviceId: string): Device | undefined {
    const { table } = this.#parts;
    for (const { device } of table.all()) if (device.deviceId === deviceId) return device;
    for (const [key] of table.absent.all()) if (key.endsWith(deviceId)) return Device.fromKey(key);
    return undefined;
  }

  /** Every device with a lane, or heard of in this run. */
  *all(): Iterable<Device> {
    const { table } = this.#parts;
    for (const { device } of table.all()) yield device;
    for (const [key] of table.absent.all()) yield Device.fromKey(key);
  }

  of(device: Device): LaneView {
    const { table, watch } = this.#parts;
    const lane = table.find(device.key);
    const heardMs = (lane ?? table.absent.find(device.key))?.hearing.lastMs ?? Number.NEGATIVE_INFINITY;
    return {
      device,
      waitingStates: lane?.waitingStates ?? 0,
      waitingBytes: lane?.waitingBytes ?? 0,
      sinceMs: lane?.hasStates ? lane.sinceMs : undefined,
      heardMs: Number.isFinite(heardMs) ? heardMs : undefined,
      troubles: watch.troublesOf(device.key),
    };
  }

  /** As {@link LastStates.ask}. */
  lastStateOf({ key }: Device): LastState | undefined {
    return this.#parts.lastStates.ask(key, this.#parts.table.find(key));
  }
}
