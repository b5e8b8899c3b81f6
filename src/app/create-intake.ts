import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load.js';
import { Batcher, type BatcherOptions } from '../intake/batcher.js';
import { WorkerPool } from '../intake/worker-pool.js';

const WORKER_FILE = fileURLToPath(new URL('../../workers/batch-worker.js', import.meta.url));

/** The intake stage, with threads as they are configured. */
export function createIntake(config: Config, parts: Omit<BatcherOptions, 'runner' | 'maxStateBytes'>): Batcher {
  return new Batcher({
    ...parts,
    runner: new WorkerPool({ workerFile: WORKER_FILE, threads: config.workers }),
    maxStateBytes: config.maxBodyBytes,
  });
}
