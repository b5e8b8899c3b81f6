import { isOutOfWindow } from '../core/time/cloud-window.js';
import { absoluteTime } from '../state/time.js';
import type { AttributeValue, DeviceState } from '../state/validate.js';
import { SlidingWindow } from './sliding-window.js';

/** One record of a device: all that was sent for one millisecond. */
export interface HeldState {
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  /** The attributes, the later of two values for one. */
  readonly data: Readonly<Record<string, AttributeValue>>;
  /** How many states made it up. More than one: it was sent again, or others had the same time. */
  readonly deliveries: number;
}

/** What the simulated cloud counted for a device, or for all of them. */
export interface CloudCounts {
  /** `POST …/state` requests by a token that may send, whatever their answer. */
  readonly posts: number;
  /** Of those, answered 429 for exceeding the rate limit. */
  readonly throttled: number;
  /** The most requests in any window of the rate limit, for one device. */
  readonly maxRequestsInWindow: number;
  /** States taken in, repetitions included. */
  readonly states: number;
  /** Of those, said nothing that the record of their time did not hold already; 0 where no records are kept. */
  readonly repeated: number;
  /** States silently dropped for their age. */
  readonly ignored: number;
}

/** All that the simulated cloud knows of what one device sent. */
export interface DeviceLedger extends CloudCounts {
  readonly deviceId: string;
  /** Wall-clock milliseconds at which each counted request arrived. */
  readonly arrivalsMs: readonly number[];
  /** By time, in order of first arrival. */
  readonly records: readonly HeldState[];
}

/** What the cloud holds of one device. */
export class DeviceHoldings {
  readonly deviceId: string;
  posts = 0;
  throttled = 0;
  states = 0;
  repeated = 0;
  ignored = 0;
  readonly #requests: SlidingWindow;
  readonly #keepsRecords: boolean;
  readonly #arrivalsMs: number[] = [];
  readonly #records = new Map<number, { data: HeldState['data']; deliveries: number }>();

  /** @param keepsRecords false: count only, for loads that would not fit in memory */
  constructor(deviceId: string, windowMs: number, keepsRecords: boolean) {
    this.deviceId = deviceId;
    this.#requests = new SlidingWindow(windowMs);
    this.#keepsRecords = keepsRecords;
  }

  /**
   * Counts a request.
   * @returns requests in the window that ends now, this one included; those refused count as well, the strictest
   *   reading of "30 requests in any 15 s" (docs/cloud.md, "Limits")
   */
  noteRequest(wallMs: number, monotonicMs: number): number {
    this.posts++;
    if (this.#keepsRecords) this.#arrivalsMs.push(wallMs);
    return this.#requests.add(monotonicMs);
  }

  /**
   * Stores a state under its time; a record of the same millisecond is overwritten attribute by attribute, and what is
   * too old or too far ahead is silently ignored (docs/cloud.md, "States").
   */
  store(state: DeviceState, arrivalMs: number): void {
    // A state without a time that can be read comes back between two milliseconds, with that of its arrival below.
    const timeMs = Math.floor(absoluteTime(state.time, arrivalMs));
    if (isOutOfWindow(timeMs, arrivalMs)) {
      this.ignored++;
      return;
    }
    this.states++;
    if (!this.#keepsRecords) return;
    const held = this.#records.get(timeMs);
    if (held === undefined) {
      this.#records.set(timeMs, { data: state.data, deliveries: 1 });
      return;
    }
    held.deliveries++;
    if (saysNothingNew(state.data, held.data)) {
      this.repeated++;
      return;
    }
    // fromEntries defines properties: an attribute called __proto__ stays an attribute.
    held.data = Object.fromEntries([...Object.entries(held.data), ...Object.entries(state.data)]);
  }

  /** The counts alone. */
  counts(): CloudCounts {
    return {
      posts: this.posts,
      throttled: this.throttled,
      maxRequestsInWindow: this.#requests.max,
      states: this.states,
      repeated: this.repeated,
      ignored: this.ignored,
    };
  }

  /** A copy of everything. */
  ledger(): DeviceLedger {
    const records = Array.from(this.#records, ([timeMs, { data, deliveries }]) => ({ timeMs, data, deliveries }));
    return { deviceId: this.deviceId, ...this.counts(), arrivalsMs: [...this.#arrivalsMs], records };
  }
}

function saysNothingNew(data: DeviceState['data'], held: HeldState['data']): boolean {
  return Object.entries(data).every(([name, value]) => Object.hasOwn(held, name) && held[name] === value);
}
