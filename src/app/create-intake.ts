import type { Config } from '../config/load.js';
import type { DeviceClocks } from '../core/time/device-clocks.js';
import { Batcher, type BatcherOptions } from '../intake/batcher.js';
import { Committer, type CommitterOptions } from '../intake/committer.js';
import { LatePool } from '../intake/late-pool.js';
import { startBatchPool } from './batch-pool.js';

/** What the intake stage works with, beside the options. */
export type IntakeSurroundings = Omit<CommitterOptions, 'deviceClocks'> &
  Pick<BatcherOptions, 'recordMemory' | 'meters'> & { readonly deviceClocks: DeviceClocks };

/** The intake stage of the main thread: what gathers and decodes bodies, and what stores them, those of all fronts. */
export function createIntake(
  { fronts, maxBodyBytes, workers }: Pick<Config, 'fronts' | 'maxBodyBytes' | 'workers'>,
  parts: IntakeSurroundings,
): { readonly intake: Batcher; readonly committer: Committer } {
  const committer = new Committer(parts);
  const { recordMemory, clock, meters, deviceClocks, followed } = parts;
  const intake = new Batcher({
    // With front threads the main thread has what comes by MQTT alone.
    runner: fronts === 0 ? startBatchPool(workers) : new LatePool(1, async () => startBatchPool(1)),
    committer,
    recordMemory,
    clock,
    meters,
    times: deviceClocks,
    followed,
    maxStateBytes: maxBodyBytes,
  });
  return { intake, committer };
}
