import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import { type ArrivalClock, systemClock } from '../core/time/clock.js';
import type { DeviceClocks } from '../core/time/device-clocks.js';
import { freePort } from '../front/listeners.js';
import type { FrontThreadParts } from '../hub/front-thread.js';
import { FrontThreads, type FrontThreadsParts } from '../hub/front-threads.js';
import { readClock } from '../hub/hub-clock.js';
import { maxStreams } from './create-front.js';
import { FRONT_OPTIONS, type FrontConfig, type FrontData } from './front-service.js';
import type { LineWriter } from './log/event-log.js';

const WORKER_FILE = fileURLToPath(new URL('../../workers/front-worker.js', import.meta.url));

/** What the fronts are connected with. */
export type FrontThreadsSurroundings = Omit<FrontThreadParts, 'workerFile' | 'clock' | 'onTracingTrouble'> &
  Pick<FrontThreadsParts, 'isFull' | 'isActive'> & {
    readonly arrivals: ArrivalClock;
    readonly deviceClocks: Pick<DeviceClocks, 'rules'>;
    readonly followed: FollowedDevices;
  };

/** The front threads, as many as are configured; undefined where the main thread serves devices itself. */
export function createFrontThreads(
  config: Config,
  log: LineWriter,
  { arrivals, deviceClocks, ...parts }: FrontThreadsSurroundings,
): FrontThreads | undefined {
  if (config.fronts === 0) return undefined;
  const { host, port } = config.listen;
  const { followed } = parts;
  const data: Pick<FrontData, 'config' | 'streams'> = { config: frontConfig(config), streams: maxStreams(config) };
  return new FrontThreads({
    ...parts,
    workerFile: WORKER_FILE,
    clock: systemClock,
    timers: systemClock,
    count: config.fronts,
    readClock: () => readClock(arrivals, deviceClocks.rules),
    freePort: () => freePort(host, port),
    data: { ...data },
    followedIds: () => followed.ids,
    onTracingTrouble: (reason) => log.warn({ event: 'tracing-trouble', reason }, 'traces are not as they should be'),
    onLost: (front, reason) =>
      log.error(
        { event: 'front-lost', front, reason },
        'a front thread has died; its devices are cut off, and another takes its place',
      ),
    onBack: (front, afterMs) =>
      log.info({ event: 'front-back', front, afterMs: Math.round(afterMs) }, 'another front thread serves devices'),
  });
}

function frontConfig(config: Config): FrontConfig {
  return Object.fromEntries(FRONT_OPTIONS.map((name) => [name, config[name]])) as unknown as FrontConfig;
}
