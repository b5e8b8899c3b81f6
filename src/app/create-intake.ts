import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load.js';
import type { DeviceClocks } from '../core/time/device-clocks.js';
import { Batcher, type BatcherOptions } from '../intake/batcher.js';
import { Committer, type CommitterOptions } from '../intake/committer.js';
import { WorkerPool } from '../intake/worker-pool.js';

const WORKER_FILE = fileURLToPath(new URL('../../workers/batch-worker.js', import.meta.url));

/** What the intake stage works with, beside the options. */
export type IntakeSurroundings = Omit<CommitterOptions, 'deviceClocks'> &
  Pick<BatcherOptions, 'recordMemory' | 'meters'> & { readonly deviceClocks: DeviceClocks };

/** The intake stage of the main thread: what gathers and decodes bodies, and what stores them, those of all fronts. */
export function createIntake(
  config: Config,
  parts: IntakeSurroundings,
): { readonly intake: Batcher; readonly committer: Committer } {
  const committer = new Committer(parts);
  const { recordMemory, clock, meters, deviceClocks, followed } = parts;
  // With front threads the main thread has what comes by MQTT alone.
  const threads = config.fronts === 0 ? config.workers : 1;
  const intake = createBatcher(config, threads, {
    committer,
    recordMemory,
    clock,
    meters,
    times: deviceClocks,
    followed,
  });
  return { intake, committer };
}

/** What gathers and decodes the bodies of one front. @param threads that decode large ones */
export function createBatcher(
  { maxBodyBytes }: Pick<Config, 'maxBodyBytes'>,
  threads: number,
  parts: Omit<BatcherOptions, 'runner' | 'maxStateBytes'>,
): Batcher {
  return new Batcher({
    ...parts,
    runner: new WorkerPool({ workerFile: WORKER_FILE, threads }),
    maxStateBytes: maxBodyBytes,
  });
}
