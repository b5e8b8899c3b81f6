import type { Clock } from '../core/clock.js';
import type { RecordView } from '../state/record-layout.js';

/** What must be known of a device to give it a stamp no other reading has. */
interface DeviceStamps {
  /** The last stamp given. */
  lastStampMs: number;
  /** The last time the device itself named. */
  lastOwnMs: number;
}

/** Devices remembered before the first look for those that can be forgotten. */
const FIRST_SWEEP_DEVICES = 1024;

/**
 * Gives the states that brought no time their time of arrival, made unique for the device: the cloud keeps one record
 * for a device and millisecond, so two readings under one invented stamp would destroy one another (DESIGN 1.5; FACTS,
 * "Sending state"). A stamp is never before the one given last, even when the wall clock goes back.
 *
 * Runs where batches come back in order, after the workers: a worker cannot know what another has given.
 */
export class Stamper {
  readonly #clock: Clock;
  readonly #devices = new Map<string, DeviceStamps>();
  #nextSweepDevices = FIRST_SWEEP_DEVICES;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Devices remembered: those whose last stamp is not past yet. */
  get size(): number {
    return this.#devices.size;
  }

  /** Stamps every state of a record that has no time; see `UNSTAMPED` in the record layout. */
  stamp(record: RecordView): void {
    if (this.#devices.size >= this.#nextSweepDevices) this.#sweep();
    for (let chunk = 0; chunk < record.chunkCount; chunk++) {
      this.#stampChunk(
        record,
        record.chunkDevice(chunk).key,
        record.chunkFirstState(chunk),
        record.chunkStateCount(chunk),
      );
    }
  }

  #stampChunk(record: RecordView, deviceKey: string, first: number, count: number): void {
    const { times } = record;
    const stamps = this.#stampsOf(deviceKey);
    const end = first + count;
    for (let state = first; state < end; state++) {
      const time = times[state] as number;
      const arrivalMs = Math.floor(time);
      if (arrivalMs === time) {
        stamps.lastOwnMs = time;
        continue;
      }
      let stampMs = arrivalMs > stamps.lastStampMs ? arrivalMs : stamps.lastStampMs + 1;
      while (stampMs === stamps.lastOwnMs || isNamedLater(times, state, end, stampMs)) stampMs++;
      times[state] = stampMs;
      stamps.lastStampMs = stampMs;
    }
  }

  #stampsOf(deviceKey: string): DeviceStamps {
    let stamps = this.#devices.get(deviceKey);
    if (stamps === undefined) {
      stamps = { lastStampMs: Number.NEGATIVE_INFINITY, lastOwnMs: Number.NEGATIVE_INFINITY };
      this.#devices.set(deviceKey, stamps);
    }
    return stamps;
  }

  /** Forgets devices whose stamps lie in the past, where no new one can fall. */
  #sweep(): void {
    const nowMs = this.#clock.wallMs();
    for (const [key, stamps] of this.#devices) {
      if (stamps.lastStampMs < nowMs && stamps.lastOwnMs < nowMs) this.#devices.delete(key);
    }
    this.#nextSweepDevices = Math.max(FIRST_SWEEP_DEVICES, 2 * this.#devices.size);
  }
}

/** Whether a state behind `state` in its chunk names `stampMs` as its own time. */
function isNamedLater(times: Float64Array, state: number, end: number, stampMs: number): boolean {
  for (let later = state + 1; later < end; later++) {
    if (times[later] === stampMs) return true;
  }
  return false;
}
