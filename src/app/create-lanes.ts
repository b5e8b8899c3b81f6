import type { Config } from '../config/load.js';
import type { CloudClient } from '../core/cloud-port.js';
import type { Device } from '../core/device.js';
import { LoopLoad } from '../core/machine/loop-load.js';
import type { Clock } from '../core/time/clock.js';
import type { Timekeeper } from '../core/time/timekeeper.js';
import { Lanes, type LanesParts } from '../forward/lanes.js';
import type { LineWriter } from './log/event-log.js';
import { TroubleWatch } from './trouble-watch.js';

/** Of what nothing is delivered for, the log names so many causes. */
const CAUSES_IN_LOG = 3;

/** What the lanes are given beside the options and the log. */
export type LaneSurroundings = Pick<
  LanesParts,
  | 'offerGrantsOf'
  | 'partitions'
  | 'storedTime'
  | 'meters'
  | 'deviceClocks'
  | 'followed'
  | 'recordMemory'
  | 'onCloudChange'
  | 'doesCloudAnswer'
> & {
  readonly cloud: CloudClient;
  readonly timekeeper: Timekeeper;
};

/** The forward stage, whose events go to the log, and what watches its devices for the log. */
export function createLanes(
  config: Config,
  log: LineWriter,
  { timekeeper, ...parts }: LaneSurroundings,
): { readonly lanes: Lanes; readonly troubles: TroubleWatch } {
  const { windowMs, coalesce, rateLimit, maxBodyBytes, upstreamToken, retentionMs, uplinkBytesPerSecond } = config;
  const lanes = new Lanes(
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
      onGivenUp: ({ applicationId, deviceId }, states, status, reason) => {
        log.error({ event: 'dead-letters', applicationId, deviceId, states, status, reason }, 'states given up');
        troubles.notice();
      },
      onUnparked: ({ applicationId, deviceId }, parkedMs) =>
        log.info(
          { event: 'device-unparked', applicationId, deviceId, parkedMs: Math.round(parkedMs) },
          'device delivers again',
        ),
    },
  );
  const troubles = createTroubleWatch(log, { clock: timekeeper, lanes, forwarded: () => parts.meters.forwarded });
  return { lanes, troubles };
}

function createTroubleWatch(
  log: LineWriter,
  parts: { readonly clock: Clock; readonly lanes: Lanes; readonly forwarded: () => number },
): TroubleWatch {
  const { clock, lanes, forwarded } = parts;
  const idsOf = ({ applicationId, deviceId }: Device) => ({ applicationId, deviceId });
  return new TroubleWatch({
    clock,
    report: () => lanes.devices(),
    forwarded,
    onNothingDelivered: (causes) => {
      const told = causes
        .slice(0, CAUSES_IN_LOG)
        .map(({ trouble, reason, devices, waitingStates }) => ({ trouble, reason, devices, waitingStates }));
      log.error({ event: 'nothing-delivered', causes: told }, 'the cloud is there, and takes the states of no device');
    },
    onDeliveredAgain: (afterMs) =>
      log.info({ event: 'delivered-again', afterMs: Math.round(afterMs) }, 'the cloud takes states again'),
    onRefused: ({ device, reason, waitingStates }) =>
      log.warn(
        { event: 'device-states-refused', ...idsOf(device), reason, waitingStates },
        'the cloud refuses what a device sends',
      ),
    onTaken: (device, refusedMs) =>
      log.info(
        { event: 'device-states-taken', ...idsOf(device), refusedMs: Math.round(refusedMs) },
        'the cloud takes what a device sends again',
      ),
  });
}
