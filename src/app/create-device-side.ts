import type { AuthStage } from '../auth/auth-stage.js';
import type { Config } from '../config/load.js';
import { FollowedDevices, type WaySteps } from '../core/followed-devices.js';
import type { Meters } from '../core/metering/meters.js';
import type { RefusalRing } from '../core/metering/refusal-ring.js';
import type { RecordMemory } from '../core/record-memory.js';
import { type Clock, systemClock } from '../core/time/clock.js';
import { DeviceClocks, type WrongClock } from '../core/time/device-clocks.js';
import type { Timekeeper } from '../core/time/timekeeper.js';
import type { Lanes } from '../forward/lanes.js';
import { Batcher, type BatcherOptions } from '../intake/batcher.js';
import { Committer, type CommitterOptions } from '../intake/committer.js';
import { LatePool } from '../intake/late-pool.js';
import { MqttBroker } from '../upstream/mqtt/mqtt-broker.js';
import { UplinkSessions } from '../upstream/mqtt/uplink-sessions.js';
import { startBatchPool } from './batch-pool.js';
import type { DeviceBound } from './capacity/device-bound.js';
import { maxMqttConnections, maxUplinkSessions } from './capacity/open-files.js';
import { createFront, type FrontSurroundings } from './create-front.js';
import { createFrontThreads, type FrontThreadsSurroundings } from './create-front-threads.js';
import { DeviceSide } from './device-side.js';
import type { EventLog, LineWriter } from './log/event-log.js';

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

const STEP_WORDS: Readonly<Record<keyof WaySteps, string>> = {
  arrived: 'states of the device have arrived',
  refused: 'the device is refused',
  stored: 'its states are on the disk',
  queued: 'they are queued in its lane',
  sent: 'a request with states of it is sent to the cloud',
  answered: 'the cloud has answered, or the request has failed',
  settled: 'what became of its states is written down',
  parked: 'its lane is parked',
  'given up': 'states of it are dead letters',
};

/** The devices whose states are followed, in the log. @param onChange told of those that are from now on */
export function createFollowed(
  { debugDevice = [] }: Config,
  log: EventLog,
  onChange: (deviceIds: readonly string[]) => void,
): FollowedDevices {
  const followed = new FollowedDevices(
    ({ applicationId, deviceId }, step, told) =>
      log.debug({ event: 'device-step', applicationId, deviceId, step, ...told }, STEP_WORDS[step]),
    (devices) => {
      onChange(devices);
      log.info({ event: 'devices-followed', devices }, 'the log follows the states of these devices');
    },
  );
  if (debugDevice.length > 0) followed.follow(debugDevice);
  return followed;
}

/** Where commands come from, as it is configured; undefined where there are none. */
export function createUplinks(config: Config, log: LineWriter, meters: Meters): UplinkSessions | undefined {
  const { commandBroker, commands, upstreamCaFile: caFile } = config;
  if (commandBroker === undefined) {
    // Said where it may not be meant so.
    if (commands !== 'off') {
      log.info({ event: 'no-commands' }, 'devices get no commands by MQTT: STATEWAY_MQTT_UPSTREAM_URL names no broker');
    }
    return undefined;
  }
  const { url, proxy } = commandBroker;
  const maxSessions = maxUplinkSessions(config.mqttUpstreamSessions, maxMqttConnections(config.mqttMaxConnections));
  return new UplinkSessions({
    broker: new MqttBroker({ url: new URL(url), caFile, proxyUrl: proxy?.url }, systemClock),
    clock: systemClock,
    meters: meters.mqtt,
    connectRate: config.mqttUpstreamConnects,
    maxSessions,
    random: Math.random,
    onLost: (reason) => log.warn({ event: 'broker-lost', reason }, "no connection to the cloud's broker"),
    onBack: () => log.info({ event: 'broker-back' }, "the cloud's broker is back"),
    onFull: () =>
      log.warn(
        { event: 'uplinks-full', maxSessions },
        'more devices want commands than STATEWAY_MQTT_UPSTREAM_SESSIONS, or the open files, allow: others wait',
      ),
    onDenied: (denied) =>
      log.warn(
        { event: 'mqtt-filter-denied', ...denied },
        "the cloud's broker does not grant a device what it subscribes to",
      ),
  });
}

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

/** What is known of the clocks of devices; who gets a wrong one is written to the log. */
export function createDeviceClocks(
  { outOfWindow }: Pick<Config, 'outOfWindow'>,
  log: LineWriter,
  parts: { readonly clock: Clock; readonly timekeeper: Timekeeper; readonly meters: Meters },
): DeviceClocks {
  const { clock, timekeeper, meters } = parts;
  return new DeviceClocks({
    clock,
    window: () => timekeeper.window,
    outOfWindow,
    meters,
    onWrong: (wrong) =>
      log[outOfWindow === 'forward' ? 'error' : 'warn'](
        { event: 'device-clock-wrong', ...fieldsOf(wrong), outOfWindow },
        'clock of a device is wrong',
      ),
    onRight: (wrong) =>
      log.info({ event: 'device-clock-right', ...fieldsOf(wrong) }, 'clock of a device is right again'),
  });
}

function fieldsOf({ device: { applicationId, deviceId }, states, lastTimeMs }: WrongClock) {
  return { applicationId, deviceId, lastTime: new Date(lastTimeMs).toISOString(), states };
}
