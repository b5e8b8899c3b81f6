import type { AuthStage } from '../auth/auth-stage.js';
import type { Config } from '../config/load.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import type { RefusalRing } from '../core/metering/refusal-ring.js';
import type { RecordMemory } from '../core/record-memory.js';
import type { DeviceClocks } from '../core/time/device-clocks.js';
import type { Timekeeper } from '../core/time/timekeeper.js';
import type { Lanes } from '../forward/lanes.js';
import type { Batcher } from '../intake/batcher.js';
import type { Committer } from '../intake/committer.js';
import type { DeviceBound } from './capacity/device-bound.js';
import { createFront, type FrontSurroundings } from './create-front.js';
import { createFrontThreads, type FrontThreadsSurroundings } from './create-front-threads.js';
import { DeviceSide } from './device-side.js';
import type { LineWriter } from './log/event-log.js';

/** The stages that devices come to. */
export type DeviceSideSurroundings = Pick<
  FrontSurroundings,
  'uws' | 'calls' | 'meters' | 'clock' | 'letters' | 'uplinks'
> &
  Pick<FrontThreadsSurroundings, 'onCallTrouble' | 'onCallDoubt'> & {
    readonly auth: AuthStage;
    readonly bound: DeviceBound;
    readonly committer: Committer;
    readonly deviceClocks: DeviceClocks;
    readonly followed: FollowedDevices;
    readonly intake: Batcher;
    readonly lanes: Pick<Lanes, 'deviceOf'>;
    readonly recordMemory: RecordMemory;
    readonly refusals: RefusalRing;
    readonly timekeeper: Timekeeper;
  };

/** The device side, with front threads as they are configured. */
export function createDeviceSide(
  config: Config,
  log: LineWriter,
  { auth, bound, lanes, timekeeper, ...parts }: DeviceSideSurroundings,
): DeviceSide {
  const known = {
    authorizer: bound.authorizer(auth.authorizer),
    deviceLogin: bound.deviceLogin(auth.deviceLogin),
  };
  const { uws, intake, calls, clock, meters, refusals, letters, uplinks } = parts;
  const ofMain = { uws, intake, calls, clock, meters, refusals, letters, uplinks };
  const { front, mqtt } = createFront(config, log, { ...known, ...ofMain });
  const { committer, deviceClocks, followed, recordMemory, onCallTrouble, onCallDoubt } = parts;
  const threads = createFrontThreads(config, log, {
    ...known,
    arrivals: timekeeper,
    committer,
    deviceClocks,
    followed,
    meters,
    recordMemory,
    refusals,
    isActive: ({ device }) => lanes.deviceOf(device.key) !== undefined,
    isFull: () => bound.areLanesFull,
    noteUse: (grant) => auth.noteUse(grant),
    openLine: (peer, address, far) => mqtt.overRelay(peer, address, far),
    onCallTrouble,
    onCallDoubt,
  });
  return new DeviceSide(front, threads, intake);
}
