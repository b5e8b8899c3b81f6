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
