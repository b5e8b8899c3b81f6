import { once } from 'node:events';
import { Piscina } from 'piscina';
import type { BatchRequest, BatchResult } from '../state/batch-layout.js';
import type { BatchRunner } from './batcher.js';

export interface WorkerPoolOptions {
  /** Absolute path of the built worker, `dist/workers/batch-worker.js`. It exports {@link STARTED_TASK} beside its task. */
  readonly workerFile: string;
  /** Threads (`STATEWAY_WORKERS`). */
  readonly threads: number;
}

/** The name of a task that does nothing: a thread that has done it has loaded its modules. */
export const STARTED_TASK = 'started';

/**
 * The threads that decode and validate. A batch's buffers are moved to the thread and moved back with its answer, never
 * copied. A thread that dies is replaced; the batch it had is rejected. A thread that cannot even be started is an
 * uncaught error that ends the process: piscina gives up replacing it, and batches without threads would wait for ever.
 */
export class WorkerPool implements BatchRunner {
  readonly #piscina: Piscina<BatchRequest, BatchResult>;
  readonly threads: number;
  /** The first threads, which piscina takes for ready before they are. */
  readonly #firstStarted: Promise<unknown>;
  /** Threads that are up, and the first ones. */
  #there = 0;
  #closed: Promise<void> | undefined;

  constructor(options: WorkerPoolOptions) {
    this.threads = options.threads;
    this.#piscina = new Piscina({
      filename: options.workerFile,
      minThreads: options.threads,
      maxThreads: options.threads,
      recordTiming: false,
    });
    this.#piscina.on('workerCreate', () => this.#there++);
    this.#piscina.on('workerDestroy', () => this.#there--);
    // As many at once as there are threads: each is given one.
    this.#firstStarted = Promise.all(Array.from({ length: options.threads }, () => this.#start()));
  }

  /** A batch that comes sooner waits. */
  isReady(): boolean {
    return true;
  }

  /** Resolves when the first threads are up. */
  async started(): Promise<void> {
    await this.#firstStarted;
  }

  /** @throws Error when the thread died or the worker could not be loaded */
  run(request: BatchRequest): Promise<BatchResult> {
    const { entries, bodies, entrySlots, slotIds, spare } = request;
    const transferList = [entries, bodies, entrySlots.buffer as ArrayBuffer, slotIds.buffer as ArrayBuffer];
    if (spare !== undefined) transferList.push(spare);
    return this.#piscina.run(request, { transferList });
  }

  /** Ends the threads, once all are up: Node 20 aborts the process, or waits for ever, if one is ended while it loads. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#firstStarted;
    while (this.#there < this.threads) await once(this.#piscina, 'workerCreate');
    await this.#piscina.destroy();
  }

  async #start(): Promise<void> {
    try {
      await this.#piscina.run(undefined as never, { name: STARTED_TASK });
    } catch (error) {
      // As piscina does with what no task is told of.
      this.#piscina.emit('error', error);
    }
  }
}
