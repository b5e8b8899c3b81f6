import type { Config } from '../config/load.js';
import type { Meters } from '../core/metering/meters.js';
import { type Clock, systemClock } from '../core/time/clock.js';
import { DeviceClocks, type WrongClock } from '../core/time/device-clocks.js';
import { Timekeeper } from '../core/time/timekeeper.js';
import type { LineWriter } from './log/event-log.js';

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
