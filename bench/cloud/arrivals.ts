import { SlidingWindow } from '../../src/simulator/sliding-window.js';
import { type ScanRules, scanStates } from './state-scan.js';

/** What arrived, over all devices. */
export interface CloudSummary {
  readonly posts: number;
  readonly states: number;
  readonly repeated: number;
  /** Requests over the cloud's limit, answered 429. */
  readonly throttled: number;
  /** The most requests of one device in any window of the limit. */
  readonly maxRequestsInWindow: number;
}

/** 30 requests in any 15 s for a device (docs/cloud.md, "Limits"). */
const RATE_LIMIT = { requests: 30, windowMs: 15_000 };
const FIRST_DEVICES = 1024;

/** Counts what each device sent, with a few numbers a device and nothing of the states themselves. */
export class Arrivals {
  readonly #rules: ScanRules;
  /** Distinct states by device. */
  #arrived = new Uint32Array(FIRST_DEVICES);
  #lastTimeMs = new Float64Array(FIRST_DEVICES);
  readonly #windows: SlidingWindow[] = [];
  #posts = 0;
  #states = 0;
  #repeated = 0;
  #throttled = 0;
  #maxRequestsInWindow = 0;

  constructor(rules: ScanRules) {
    this.#rules = rules;
  }

  /** Counts a request to send state. @returns whether the device may send it now */
  admit(device: number, nowMs: number): boolean {
    this.#posts++;
    this.#windows[device] ??= new SlidingWindow(RATE_LIMIT.windowMs);
    const count = (this.#windows[device] as SlidingWindow).add(nowMs);
    if (count > this.#maxRequestsInWindow) this.#maxRequestsInWindow = count;
    if (count <= RATE_LIMIT.requests) return true;
    this.#throttled++;
    return false;
  }

  /** Counts the states of a body that is taken in. */
  take(device: number, body: Buffer): void {
    if (device >= this.#arrived.length) this.#grow(device + 1);
    const { states, repeated, lastTimeMs } = scanStates(body, this.#lastTimeMs[device] as number, this.#rules);
    this.#lastTimeMs[device] = lastTimeMs;
    this.#arrived[device] = (this.#arrived[device] as number) + states - repeated;
    this.#states += states;
    this.#repeated += repeated;
  }

  /** Distinct states by device: one that is sent again does not stand in for one that is lost. */
  byDevice(): Uint32Array {
    return this.#arrived;
  }

  summary(): CloudSummary {
    return {
      posts: this.#posts,
      states: this.#states,
      repeated: this.#repeated,
      throttled: this.#throttled,
      maxRequestsInWindow: this.#maxRequestsInWindow,
    };
  }

  #grow(devices: number): void {
    const size = 2 ** Math.ceil(Math.log2(devices));
    const arrived = new Uint32Array(size);
    arrived.set(this.#arrived);
    this.#arrived = arrived;
    const lastTimeMs = new Float64Array(size);
    lastTimeMs.set(this.#lastTimeMs);
    this.#lastTimeMs = lastTimeMs;
  }
}
