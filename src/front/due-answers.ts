import type { Clock } from '../core/time/clock.js';

/** A socket that has something to acknowledge. */
export interface AckSender {
  sendAck(): void;
}

/**
 * Sockets whose acks are due. Each sends one answer for all of its frames that one batch settles, and one task tells them
 * all: a task for each would cost as much as the frame.
 */
export class DueAcks {
  #senders: AckSender[] = [];
  readonly #send = (): void => {
    const senders = this.#senders;
    this.#senders = [];
    for (const sender of senders) sender.sendAck();
  };

  /** Has a socket send its ack once what runs now is done. */
  add(sender: AckSender): void {
    if (this.#senders.length === 0) queueMicrotask(this.#send);
    this.#senders.push(sender);
  }
}

/** How long a client may have to wait until it is told that a frame was refused for want of room. */
export const TOLD_AFTER_MS = 100;

/**
 * Sockets that have refused frames for want of room and not said so. They are told together now and then: at three times
 * the load that can be carried, an answer for each refused frame took a fifth of the main thread.
 */
export class DueRefusals {
  readonly #clock: Clock;
  #senders = new Set<AckSender>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Has a socket say what it has refused, {@link TOLD_AFTER_MS} after the first of them at the latest. */
  add(sender: AckSender): void {
    if (this.#senders.size === 0) this.#clock.schedule(TOLD_AFTER_MS, this.#send);
    this.#senders.add(sender);
  }

  readonly #send = (): void => {
    const senders = this.#senders;
    this.#senders = new Set();
    for (const sender of senders) sender.sendAck();
  };
}
