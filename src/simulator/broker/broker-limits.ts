import { SlidingWindow } from '../sliding-window.js';
import type { BanRule } from './ban-list.js';

/** What the broker allows (docs/cloud.md, "The broker"). */
export interface BrokerLimits {
  readonly windowMs: number;
  /** Of one device, to one topic, in one direction, in any window. */
  readonly messagesPerTopic: number;
  /** Of one connection, in both directions, in any window. */
  readonly messagesPerConnection: number;
  /** Log-ins of one application, in any window. */
  readonly connectsPerApplication: number;
  readonly maxPayloadBytes: number;
  readonly ban: BanRule;
}

export const BROKER_LIMITS: BrokerLimits = {
  windowMs: 15_000,
  messagesPerTopic: 30,
  messagesPerConnection: 300,
  connectsPerApplication: 300,
  maxPayloadBytes: 262_144,
  ban: { firstMs: 30_000, maxMs: 3_600_000, quietMs: 900_000 },
};

/**
 * One window for each name, made when it is first needed. They outlive the connection, so that to connect anew gives no new
 * allowance.
 */
export class NamedWindows {
  readonly #windowMs: number;
  readonly #windows = new Map<string, SlidingWindow>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /**
   * Counts an event.
   * @returns how many of that name the window that ends now holds, this one included
   */
  add(name: string, nowMs: number): number {
    let window = this.#windows.get(name);
    if (window === undefined) {
      window = new SlidingWindow(this.#windowMs);
      this.#windows.set(name, window);
    }
    return window.add(nowMs);
  }

  clear(): void {
    this.#windows.clear();
  }
}
