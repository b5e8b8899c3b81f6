import type { PlannedDevice } from '../fleet-plan.js';
import { SlidingWindow } from '../sliding-window.js';
import type { BrokerLine } from './broker-line.js';
import type { TopicAccess } from './topic-access.js';

/** One device's connection, from its log-in on. */
export class BrokerSession {
  readonly device: PlannedDevice;
  readonly line: BrokerLine;
  readonly access: TopicAccess;
  /** Whether the broker is closing it for what it did. */
  hasOffended = false;
  readonly #messages: SlidingWindow;
  readonly #subscriptions = new Set<string>();

  constructor(device: PlannedDevice, line: BrokerLine, access: TopicAccess, windowMs: number) {
    this.device = device;
    this.line = line;
    this.access = access;
    this.#messages = new SlidingWindow(windowMs);
  }

  get subscriptions(): readonly string[] {
    return [...this.#subscriptions];
  }

  /** @returns messages of either direction in the window that ends now, this one included */
  noteMessage(nowMs: number): number {
    return this.#messages.add(nowMs);
  }

  subscribe(filter: string): void {
    this.#subscriptions.add(filter);
  }

  unsubscribe(filters: readonly string[]): void {
    for (const filter of filters) this.#subscriptions.delete(filter);
  }
}
