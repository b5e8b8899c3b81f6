import type { Config } from '../config/load.js';
import type { CloudClient } from '../core/cloud-port.js';
import { LoopLoad } from '../core/loop-load.js';
import type { Timekeeper } from '../core/timekeeper.js';
import { Lanes, type LanesParts } from '../forward/lanes.js';
import type { LineWriter } from './event-log.js';

/** What the lanes are given beside the options and the log. */
export type LaneSurroundings = Pick<
  LanesParts,
  'offerGrantsOf' | 'spool' | 'ages' | 'meters' | 'deviceClocks' | 'recordMemory' | 'onCloudChange'
> & {
  readonly cloud: CloudClient;
  readonly timekeeper: Timekeeper;
};

/** The forward stage, whose events go to the log. */
export function createLanes(config: Config, log: LineWriter, { timekeeper, ...parts }: LaneSurroundings): Lanes {
  const { windowMs, coalesce, rateLimit, maxBodyBytes, upstreamToken, retentionMs, uplinkBytesPerSecond } = config;
  return new Lanes(
    { windowMs, coalesce, rateLimit, maxBodyBytes, upstreamToken, retentionMs, uplinkBytesPerSecond },
    {
      ...parts,
      clock: timekeeper,
      times: timekeeper,
      askForDevice: (device, token) => parts.cloud.checkDevice(device, token),
      random: Math.random,
      load: new LoopLoad(),
      onParked: ({ applicationId, deviceId }, reason) =>
        log.warn({ event: 'device-parked', applicationId, deviceId, reason }, 'device parked'),
      onGivenUp: ({ applicationId, deviceId }, states, status) =>
        log.error({ event: 'dead-letters', applicationId, deviceId, states, status }, 'states given up'),
      onUnparked: ({ applicationId, deviceId }, parkedMs) =>
        log.info(
          { event: 'device-unparked', applicationId, deviceId, parkedMs: Math.round(parkedMs) },
          'device delivers again',
        ),
    },
  );
}
