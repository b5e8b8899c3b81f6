import type { RefusalReason } from './connect-rules.js';

/** For what a device's connection is closed by the broker. */
export type Offence = 'topic' | 'qos' | 'retain' | 'size' | 'topic-rate' | 'connection-rate';

/** What the broker counted since it started, or was last reset. */
export interface BrokerCounts {
  /** Devices connected now. */
  readonly connected: number;
  /** Log-ins accepted. */
  readonly accepted: number;
  /** Log-ins refused, by reason. */
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>;
  /** Connections that the broker closed, by reason. */
  readonly offences: Readonly<Partial<Record<Offence, number>>>;
  /** Subscriptions answered with 0x80. */
  readonly subscriptionsRefused: number;
  /** Messages from devices that were taken in, states among them. */
  readonly messagesUp: number;
  /** Of those, states that are none, dropped without a word. */
  readonly statesRefused: number;
  /** Messages handed to devices. */
  readonly messagesDown: number;
  /** Messages to devices that were dropped for a rate. */
  readonly droppedDown: number;
  /** The most messages from one device to one topic in any window. */
  readonly maxMessagesInWindow: number;
  /** The most log-ins of one application in any window. */
  readonly maxConnectsInWindow: number;
}

/** Of one device. */
export interface BrokerDevice {
  readonly deviceId: string;
  readonly connected: boolean;
  /** Filters of its connection, in order. */
  readonly subscriptions: readonly string[];
  /** Log-ins accepted, ever. */
  readonly accepted: number;
  /** Milliseconds until it may connect again; 0 when it may. */
  readonly bannedForMs: number;
}

/** A {@link BrokerCounts} that is counted on. */
export class BrokerTally {
  accepted = 0;
  subscriptionsRefused = 0;
  messagesUp = 0;
  statesRefused = 0;
  messagesDown = 0;
  droppedDown = 0;
  maxMessagesInWindow = 0;
  maxConnectsInWindow = 0;
  readonly #refused = new Map<RefusalReason, number>();
  readonly #offences = new Map<Offence, number>();

  refuse(reason: RefusalReason): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  offend(offence: Offence): void {
    this.#offences.set(offence, (this.#offences.get(offence) ?? 0) + 1);
  }

  counts(connected: number): BrokerCounts {
    return {
      connected,
      accepted: this.accepted,
      refused: Object.fromEntries(this.#refused),
      offences: Object.fromEntries(this.#offences),
      subscriptionsRefused: this.subscriptionsRefused,
      messagesUp: this.messagesUp,
      statesRefused: this.statesRefused,
      messagesDown: this.messagesDown,
      droppedDown: this.droppedDown,
      maxMessagesInWindow: this.maxMessagesInWindow,
      maxConnectsInWindow: this.maxConnectsInWindow,
    };
  }
}
