import { Piscina } from 'piscina';
import type { BatchRequest, BatchResult } from '../state/batch-layout.js';

export interface WorkerPoolOptions {
  /** Absolute path of the built worker, `dist/workers/batch-worker.js`. */
  readonly workerFile: string;
  /** Threads (`STATEWAY_WORKERS`). */
  readonly threads: number;
}

/**
 * The threads that decode and validate. A batch's buffers are moved to the thread and moved back with its answer, never
 * copied. A thread that dies is replaced; the batch it had is rejected. A thread that cannot even be started is an
 * uncaught error that ends the process: piscina gives up replacing it, and batches without threads would wait for ever.
 */
export class WorkerPool {
  readonly #piscina: Piscina<BatchRequest, BatchResult>;
  readonly threads: number;

  constructor(options: WorkerPoolOptions) {
    this.threads = options.threads;
    this.#piscina = new Piscina({
      filename: options.workerFile,
      minThreads: options.threads,
      maxThreads: options.threads,
      recordTiming: false,
    });
  }

  /** @throws Error when the thread died or the worker could not be loaded */
  run(request: BatchRequest): Promise<BatchResult> {
    const { entries, bodies, entrySlots, slotIds, spare } = request;
    const transferList = [entries, bodies, entrySlots.buffer as ArrayBuffer, slotIds.buffer as ArrayBuffer];
    if (spare !== undefined) transferList.push(spare);
    return this.#piscina.run(request, { transferList });
  }

  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
