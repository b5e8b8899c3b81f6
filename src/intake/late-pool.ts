import type { BatchRequest, BatchResult } from '../state/batch-layout.js';
import type { BatchRunner } from './batcher.js';
import type { WorkerPool } from './worker-pool.js';

/** A pool, which tells when its threads are up. */
export type StartedPool = Pick<WorkerPool, 'run' | 'close' | 'started'>;

/**
 * The threads that decode, started when the first batch comes that is for them. A thread takes memory, and to start it takes
 * 150 ms of a processor, which a front thread that takes the place of another does not have. What comes until they are up is
 * decoded in place.
 */
export class LatePool implements BatchRunner {
  readonly threads: number;
  readonly #start: () => Promise<StartedPool>;
  #starting: Promise<StartedPool> | undefined = undefined;
  #pool: StartedPool | undefined = undefined;

  /** @param start loads the pool and starts so many threads; that it rejects ends the thread that asks for it */
  constructor(threads: number, start: () => Promise<StartedPool>) {
    this.threads = threads;
    this.#start = start;
  }

  isReady(): boolean {
    if (this.#pool === undefined) void this.#upPool();
    return this.#pool !== undefined;
  }

  async run(request: BatchRequest): Promise<BatchResult> {
    return (await this.#upPool()).run(request);
  }

  async close(): Promise<void> {
    await (await this.#starting)?.close();
  }

  #upPool(): Promise<StartedPool> {
    this.#starting ??= this.#start().then(async (pool) => {
      await pool.started();
      this.#pool = pool;
      return pool;
    });
    return this.#starting;
  }
}
