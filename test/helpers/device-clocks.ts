import { Meters } from '../../src/core/metering/meters.js';
import type { Clock } from '../../src/core/time/clock.js';
import { type OutOfWindow, windowAt } from '../../src/core/time/cloud-window.js';
import { DeviceClocks } from '../../src/core/time/device-clocks.js';

/** Clocks of devices, judged by `clock` as one that is right. */
export function deviceClocksBy(clock: Clock, meters = new Meters(), outOfWindow: OutOfWindow = 'forward') {
  const told: string[] = [];
  const deviceClocks = new DeviceClocks({
    clock,
    window: () => windowAt(clock.wallMs()),
    outOfWindow,
    meters,
    onWrong: ({ device, states }) => told.push(`${device.deviceId.slice(-2)} wrong: ${states}`),
    onRight: ({ device, states }) => told.push(`${device.deviceId.slice(-2)} right: ${states}`),
  });
  return { deviceClocks, meters, told };
}
