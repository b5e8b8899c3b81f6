import { Device } from '../core/device.js';
import type { LaneView, LastState } from '../core/device-report.js';
import type { Clock } from '../core/time/clock.js';
import type { RecordView } from '../state/record-layout.js';
import type { DeviceWatch } from './device-watch.js';
import type { Lane } from './lane/lane.js';
import type { LaneTable } from './lane/lane-table.js';

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
    const heardMs = (lane ?? table.absent.find(device.key))?.lastSeen.lastMs ?? Number.NEGATIVE_INFINITY;
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

/** Devices whose last states are kept at one time; of more, the one that was asked for longest ago goes. */
export const MOST_WATCHED = 16;
/** After the last question; a page that shows a device asks every few seconds. */
export const WATCHED_FOR_MS = 60_000;

interface Watched {
  askedMs: number;
  state: LastState | undefined;
}

/**
 * The last state of those devices that somebody looks at. Nobody's values are kept beside what waits until they are asked
 * for, and while none are, a state costs nothing here.
 */
export class LastStates {
  readonly #clock: Clock;
  /** By device key, the one asked for longest ago first. */
  readonly #watched = new Map<string, Watched>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether nobody looks at any device. */
  get isIdle(): boolean {
    return this.#watched.size === 0;
  }

  /**
   * The last state of a device: of those that came since it was first asked for, or that still wait. From now on the next
   * ones are kept.
   * @param lane of the device, if it has one
   */
  ask(deviceKey: string, lane: Lane | undefined): LastState | undefined {
    const known = this.#watched.get(deviceKey);
    this.#watched.delete(deviceKey);
    this.#forgetOld();
    for (const key of this.#watched.keys()) if (this.#watched.size >= MOST_WATCHED) this.#watched.delete(key);
    const state = known?.state ?? lastOf(lane);
    this.#watched.set(deviceKey, { askedMs: this.#clock.monotonicMs(), state });
    return state;
  }

  /** States of a device have come, the last of them that before `endState` of a record. */
  note(deviceKey: string, view: RecordView, endState: number): void {
    this.#forgetOld();
    const watched = this.#watched.get(deviceKey);
    if (watched !== undefined) watched.state = stateAt(view, endState - 1);
  }

  #forgetOld(): void {
    const sinceMs = this.#clock.monotonicMs() - WATCHED_FOR_MS;
    for (const [key, { askedMs }] of this.#watched) {
      if (askedMs > sinceMs) return;
      this.#watched.delete(key);
    }
  }
}

/** What waits in memory; of what has moved to the backlog none is read. */
function lastOf(lane: Lane | undefined): LastState | undefined {
  const chunk = lane?.chunks.at(-1);
  return chunk === undefined ? undefined : stateAt(chunk.view, chunk.endState - 1);
}

/** A copy: the record's memory is used again. */
function stateAt(view: RecordView, state: number): LastState {
  const fragment = view.fragmentAt(state).slice();
  return { timeMs: Math.floor(view.times[state] as number), fragment };
}
