import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { CloudWay, FromThread, Numbered, ToThread } from './thread-messages.js';

export interface CloudThreadOptions<Result> {
  /** What fails when it dies, for people: `the sending thread`. */
  readonly name: string;
  /** Absolute path of the built entry. */
  readonly workerFile: string;
  /** What the entry is started with. */
  readonly data: CloudWay;
  /** Has what came up posted, later in the same turn of the event loop. */
  readonly postLater: (post: () => void) => void;
  /** So many results are handed on in one turn of the event loop, where each has much done; then sockets have theirs. */
  readonly resultsATurn: number;
  /** Told when its connections were given up, since no good answer came by them. */
  readonly onDistrust: () => void;
  /** Told when it is gone, before what it had under way is lost. */
  readonly onEnd: () => void;
  /** The result of an order that no thread answers any more. */
  readonly lost: (words: string) => Result;
}

/**
 * A thread that talks with the cloud (`thread-messages.ts`), as the main thread sees it. If it dies, what it had under way
 * is lost, and the next order starts another.
 */
export class CloudThread<Order, Result> {
  readonly #options: CloudThreadOptions<Result>;
  readonly #pending = new Map<number, (result: Result) => void>();
  #worker: Worker | undefined;
  #orders: Numbered<Order>[] = [];
  #moved: ArrayBuffer[] = [];
  /** Results that are to be handed on. */
  #arrived: FromThread<Result>['results'][number][] = [];
  #isHanding = false;
  #lastId = 0;

  constructor(options: CloudThreadOptions<Result>) {
    this.#options = options;
  }

  /** Starts the thread, which otherwise the first order does and has to wait for. */
  start(): void {
    this.#running();
  }

  /**
   * Has an order done. Never rejects.
   * @param moved memory of the order that moves with it
   */
  run(order: Order, moved?: ArrayBuffer): Promise<Result> {
    const id = ++this.#lastId;
    if (this.#orders.length === 0) this.#options.postLater(() => this.#post());
    this.#orders.push({ id, order });
    if (moved !== undefined) this.#moved.push(moved);
    return new Promise((resolve) => this.#pending.set(id, resolve));
  }

  /** The next orders go to connections made anew by the cloud's name; those under way go on. */
  renewConnections(): void {
    this.#post();
    this.#worker?.postMessage('renew' satisfies ToThread<Order>);
  }

  /** Ends every connection at once; orders that wait for an answer fail. */
  async close(): Promise<void> {
    this.#post();
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = once(worker, 'exit');
    worker.postMessage('close' satisfies ToThread<Order>);
    await ended;
  }

  #post(): void {
    if (this.#orders.length === 0) return;
    this.#running().postMessage({ orders: this.#orders } satisfies ToThread<Order>, this.#moved);
    this.#orders = [];
    this.#moved = [];
  }

  #running(): Worker {
    this.#worker ??= this.#startWorker();
    return this.#worker;
  }

  #startWorker(): Worker {
    const { name, workerFile, data, onDistrust, onEnd, lost } = this.#options;
    const worker = new Worker(workerFile, { workerData: data });
    let words = `${name} has ended`;
    worker.on('message', ({ results, isDistrusted }: FromThread<Result>) => {
      if (isDistrusted) onDistrust();
      this.#arrived.push(...results);
      if (!this.#isHanding) this.#handOn();
    });
    worker.on('error', (error) => {
      words = `${name} has failed: ${error.message}`;
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
      onEnd();
      this.#settleArrived(this.#arrived.length);
      for (const id of [...this.#pending.keys()]) this.#settle(id, lost(words));
    });
    return worker;
  }

  /** Some now, and some each turn until there are none: several messages may be read in one turn. */
  #handOn(): void {
    this.#isHanding = this.#arrived.length > 0;
    if (!this.#isHanding) return;
    this.#settleArrived(this.#options.resultsATurn);
    setImmediate(() => this.#handOn());
  }

  #settleArrived(most: number): void {
    for (const { id, result } of this.#arrived.splice(0, most)) this.#settle(id, result);
  }

  #settle(id: number, result: Result): void {
    const resolve = this.#pending.get(id);
    this.#pending.delete(id);
    resolve?.(result);
  }
}
