import { SlidingWindow } from '../../src/simulator/sliding-window.js';
import { type ScanRules, scanStates } from './state-scan.js';

/** What arrived, over all devices. */
export interface CloudSummary {
  readonly posts: number;
  /** States that had arrived before. */
  readonly repeated: number;
  /** Requests over the cloud's limit, answered 429. */
  readonly throttled: number;
}

/** 30 requests in any 15 s for a device (docs/cloud.md, "Limits"). */
const RATE_LIMIT = { requests: 30, windowMs: 15_000 };

/** What is known of a device: a few numbers, and nothing of its states. */
interface Sender {
  distinctStates: number;
  lastTimeMs: number;
  readonly requests: SlidingWindow;
}

/** Counts what each device sent. */
export class Arrivals {
  readonly #rules: ScanRules;
  readonly #senders: Sender[] = [];
  #posts = 0;
  #repeated = 0;
  #throttled = 0;

  constructor(rules: ScanRules) {
    this.#rules = rules;
  }

  /** Counts a request to send state. @returns whether the device may send it now */
  admit(device: number, nowMs: number): boolean {
    this.#posts++;
    if (this.#sender(device).requests.add(nowMs) <= RATE_LIMIT.requests) return true;
    this.#throttled++;
    return false;
  }

  /** Counts the states of a body that is taken in. */
  take(device: number, body: Buffer): void {
    const sender = this.#sender(device);
    const { states, repeated, lastTimeMs } = scanStates(body, sender.lastTimeMs, this.#rules);
    sender.lastTimeMs = lastTimeMs;
    sender.distinctStates += states - repeated;
    this.#repeated += repeated;
  }

  /** Distinct states by device: one that is sent again does not stand in for one that is lost. */
  byDevice(): Uint32Array {
    return Uint32Array.from(this.#senders, (sender) => sender?.distinctStates ?? 0);
  }

  summary(): CloudSummary {
    return { posts: this.#posts, repeated: this.#repeated, throttled: this.#throttled };
  }

  #sender(device: number): Sender {
    this.#senders[device] ??= { distinctStates: 0, lastTimeMs: 0, requests: new SlidingWindow(RATE_LIMIT.windowMs) };
    return this.#senders[device];
  }
}
