import type { Clock } from '../core/time/clock.js';
import type { AckSender } from './due-acks.js';

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
