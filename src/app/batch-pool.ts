import { fileURLToPath } from 'node:url';
import { WorkerPool } from '../intake/worker-pool.js';

const WORKER_FILE = fileURLToPath(new URL('../../workers/batch-worker.js', import.meta.url));

/** Starts threads that decode large batches. */
export function startBatchPool(threads: number): WorkerPool {
  return new WorkerPool({ workerFile: WORKER_FILE, threads });
}
