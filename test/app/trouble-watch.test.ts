import { expect, it } from 'vitest';
import { LOOK_EVERY_MS, LOOK_ON_MS, TroubleWatch } from '../../src/app/trouble-watch.js';
import { Device } from '../../src/core/device.js';
import type { DeviceReport, TroubledDevice } from '../../src/core/device-report.js';
import { FakeClock } from '../helpers/fake-clock.js';

const ONE = new Device('a'.repeat(24), '1'.repeat(24));
const TWO = new Device('a'.repeat(24), '2'.repeat(24));
const NOBODY = { wrong_clock: 0, parked: 0, throttled: 0, failing: 0, refused: 0, silent: 0 };
const WELL: DeviceReport = {
  known: 3,
  delivering: 3,
  nothingDelivered: false,
  troubled: NOBODY,
  causes: [],
  listed: [],
};
const NOTHING: DeviceReport = { ...WELL, delivering: 0, nothingDelivered: true };

const refused = (device: Device): TroubledDevice => ({
  device,
  trouble: 'refused',
  reason: 'no',
  sinceMs: 0,
  nextTryMs: undefined,
  waitingStates: 4,
});

function watching() {
  const clock = new FakeClock();
  const told: string[] = [];
  const site = { clock, told, report: WELL, reports: 0, forwarded: 0 };
  const name = (device: Device) => (device === ONE ? 'one' : 'two');
  const watch = new TroubleWatch({
    clock,
    report: () => {
      site.reports++;
      return site.report;
    },
    forwarded: () => site.forwarded,
    onNothingDelivered: () => told.push('nothing'),
    onDeliveredAgain: (afterMs) => told.push(`again after ${afterMs}`),
    onRefused: ({ device }) => told.push(`refused: ${name(device)}`),
    onTaken: (device, afterMs) => told.push(`taken: ${name(device)} after ${afterMs}`),
  });
  watch.start();
  return { site, watch };
}

it('tells once that nothing is delivered, and once that something is; an outage in between ends nothing', async () => {
  const { site } = watching();
  site.report = NOTHING;
  await site.clock.advance(3 * LOOK_EVERY_MS);
  expect(site.told).toEqual(['nothing']);
  site.report = { ...NOTHING, nothingDelivered: false };
  await site.clock.advance(LOOK_EVERY_MS);
  expect(site.told).toEqual(['nothing']);
  site.report = { ...WELL, delivering: 1 };
  site.forwarded = 1;
  await site.clock.advance(2 * LOOK_EVERY_MS);
  expect(site.told).toEqual(['nothing', `again after ${4 * LOOK_EVERY_MS}`]);
});

it('tells once of each device that is refused, and once that it is so no more', async () => {
  const { site } = watching();
  site.report = { ...WELL, troubled: { ...NOBODY, refused: 2 }, listed: [refused(ONE), refused(TWO)] };
  await site.clock.advance(2 * LOOK_EVERY_MS);
  site.report = { ...WELL, troubled: { ...NOBODY, refused: 1 }, listed: [refused(TWO)] };
  await site.clock.advance(2 * LOOK_EVERY_MS);
  expect(site.told).toEqual(['refused: one', 'refused: two', `taken: one after ${2 * LOOK_EVERY_MS}`]);
});

it('says of no device that its states are taken where it is only left out of a long list', async () => {
  const { site } = watching();
  site.report = { ...WELL, troubled: { ...NOBODY, refused: 1 }, listed: [refused(ONE)] };
  await site.clock.advance(LOOK_EVERY_MS);
  site.report = { ...WELL, troubled: { ...NOBODY, refused: 500 }, listed: [refused(TWO)] };
  await site.clock.advance(LOOK_EVERY_MS);
  expect(site.told).toEqual(['refused: one', 'refused: two']);
});

it('asks for no report while states are delivered, but after some were refused', async () => {
  const { site, watch } = watching();
  const pass = async (looks: number) => {
    for (let n = 0; n < looks; n++) {
      site.forwarded++;
      await site.clock.advance(LOOK_EVERY_MS);
    }
  };
  await pass(10);
  expect(site.reports).toBe(0);
  watch.notice();
  await pass(LOOK_ON_MS / LOOK_EVERY_MS + 10);
  expect(site.reports).toBe(LOOK_ON_MS / LOOK_EVERY_MS);
});

it('stops', async () => {
  const { site, watch } = watching();
  watch.stop();
  expect(site.clock.pendingTimers).toBe(0);
});
