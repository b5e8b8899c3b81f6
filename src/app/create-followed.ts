import type { Config } from '../config/load.js';
import { FollowedDevices, type WaySteps } from '../core/followed-devices.js';
import type { EventLog } from './log/event-log.js';

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
