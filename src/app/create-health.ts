import type { Config } from '../config/load.js';
import { type CloudTrouble, FAILURE_REMEDIES } from '../core/cloud-port.js';
import type { Meters } from '../core/metering/meters.js';
import type { SpoolStatus } from '../core/spool-ports.js';
import { type Clock, systemClock } from '../core/time/clock.js';
import { DeviceClocks, type WrongClock } from '../core/time/device-clocks.js';
import { Timekeeper } from '../core/time/timekeeper.js';
import type { UplinkSessions } from '../upstream/mqtt/uplink-sessions.js';
import { UpstreamHealth } from '../upstream/upstream-health.js';
import type { LineWriter } from './log/event-log.js';

export interface HealthSurroundings {
  readonly clock: Clock;
  readonly meters: Meters;
  /** Comes to be after it. */
  readonly cloud: () => { greet(): Promise<unknown> };
  readonly spool: { status(): Pick<SpoolStatus, 'states'> };
  /** Comes to be after it; undefined where there are no commands. */
  readonly uplinks: () => Pick<UplinkSessions, 'cloudIsBack'> | undefined;
}

/** What is known of the cloud by all calls, whose changes go to the log. */
export function createHealth(log: LineWriter, surroundings: HealthSurroundings): UpstreamHealth {
  const { clock, meters, cloud, spool, uplinks } = surroundings;
  /** Monotonic. */
  let lostMs = 0;
  const warn = (trouble: CloudTrouble, message: string): void => {
    const { reason, words, code } = trouble;
    const remedy = FAILURE_REMEDIES[reason];
    const waitingStates = spool.status().states;
    log.warn({ event: 'cloud-lost', reason, ...(code && { code }), words, remedy, waitingStates }, message);
  };
  return new UpstreamHealth({
    clock,
    meters,
    random: Math.random,
    greet: () => cloud().greet(),
    onLost: (trouble) => {
      lostMs = clock.monotonicMs();
      warn(trouble, 'the cloud does not answer');
    },
    onOtherCause: (trouble) => warn(trouble, 'the cloud does not answer, now for another reason'),
    onBack: () => {
      const outageMs = Math.round(clock.monotonicMs() - lostMs);
      log.info({ event: 'cloud-back', outageMs, waitingStates: spool.status().states }, 'the cloud is back');
      uplinks()?.cloudIsBack(lostMs);
    },
    onReached: () => {
      const afterMs = Math.round(clock.monotonicMs() - lostMs);
      log.info(
        { event: 'cloud-reached', afterMs, waitingStates: spool.status().states },
        'the cloud answers, for the first time since the start',
      );
      uplinks()?.cloudIsBack(lostMs);
    },
  });
}

/** The time, as far as this machine and the cloud know it; that they differ is written to the log. */
export function createTimekeeper(log: LineWriter, bootTag: number): Timekeeper {
  return new Timekeeper(systemClock, bootTag, (skewMs, isTooMuch) => {
    const skewSeconds = Math.round(skewMs / 1_000);
    if (isTooMuch) log.warn({ event: 'clock-wrong', skewSeconds }, "the clock of this machine is not the cloud's");
    else log.info({ event: 'clock-right', skewSeconds }, 'the clock of this machine is right again');
  });
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
