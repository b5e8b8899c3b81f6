import type { MessagePort } from 'node:worker_threads';
import { HeapTrim } from '../core/machine/heap-trim.js';
import { systemClock } from '../core/time/clock.js';
import type { FromThread, Numbered, ToThread } from './thread-messages.js';

/** What a thread does with the cloud. */
export interface ThreadWork<Order, Result> {
  do(order: Order): Promise<Result>;
  /** As `CloudThread.renewConnections`. */
  renewConnections(): void;
  /** Ends every connection at once; what waits for an answer fails. */
  close(): Promise<void>;
  /** The result of an order that could not be done. */
  lost(words: string): Result;
}

/** A thread that talks with the cloud, as it sees itself: does the orders that come through `port` (`thread-messages.ts`). */
export class ThreadService<Order, Result> {
  readonly #port: MessagePort;
  readonly #work: ThreadWork<Order, Result>;
  readonly #trim = new HeapTrim({ clock: systemClock });
  #results: FromThread<Result>['results'][number][] = [];
  #underWay = 0;
  #isDistrusted = false;
  #isPosting = false;
  #isClosing = false;

  constructor(port: MessagePort, work: ThreadWork<Order, Result>) {
    this.#port = port;
    this.#work = work;
    this.#trim.start();
    port.on('message', (message: ToThread<Order>) => {
      // After the sockets that were ready with it: one that the cloud has closed meanwhile takes no request any more.
      setImmediate(() => this.#take(message));
    });
  }

  /** Tells the main thread that connections were given up, since no good answer came by them. */
  tellDistrust(): void {
    this.#isDistrusted = true;
    this.#postSoon();
  }

  #take(message: ToThread<Order>): void {
    if (message === 'close') void this.#close();
    else if (message === 'renew') this.#work.renewConnections();
    else for (const order of message.orders) void this.#do(order);
  }

  async #do({ id, order }: Numbered<Order>): Promise<void> {
    this.#underWay++;
    const result = await this.#resultOf(order);
    this.#underWay--;
    this.#results.push({ id, result });
    this.#postSoon();
  }

  async #resultOf(order: Order): Promise<Result> {
    try {
      return await this.#work.do(order);
    } catch (error) {
      // One order must not end the thread, and with it all others. The words of the error may quote what is secret.
      return this.#work.lost(`it could not be asked: ${(error as Error).name}`);
    }
  }

  #postSoon(): void {
    if (this.#isPosting) return;
    this.#isPosting = true;
    setImmediate(() => this.#post());
  }

  #post(): void {
    this.#port.postMessage({ results: this.#results, isDistrusted: this.#isDistrusted } satisfies FromThread<Result>);
    this.#results = [];
    this.#isDistrusted = false;
    this.#isPosting = false;
    this.#endIfDone();
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    this.#trim.stop();
    await this.#work.close();
    this.#endIfDone();
  }

  /** Without its port nothing keeps the thread alive. */
  #endIfDone(): void {
    if (this.#isClosing && this.#underWay === 0 && !this.#isPosting) this.#port.close();
  }
}
