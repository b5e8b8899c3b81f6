import { Packr } from 'msgpackr';
import { expect, test } from 'vitest';
import type { Status } from '../../src/admin/status-page/status-shape.js';
import { type PlannedDevice, planGateway } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, statePath, untilHeld } from '../helpers/bench-site.js';
import { ClockSite } from '../helpers/clock-site.js';
import { TestSocket } from '../helpers/test-socket.js';

const packr = new Packr({ useRecords: false });
const DAY_MS = 86_400_000;
/** As a device begins that has lost its clock in a power cut. */
const BOOTED_MS = 12_000;
const BOOTED = { data: { n: 1 }, time: { $date: new Date(BOOTED_MS).toISOString() } };

const [gateway, peripheral] = planGateway(1, 'clocks') as [PlannedDevice, PlannedDevice];

async function open(outOfWindow: string) {
  const site = await openSite({
    cloud: { devices: [gateway, peripheral] },
    env: { STATEWAY_OUT_OF_WINDOW: outOfWindow },
  });
  const token = await logIn(site, gateway);
  const socket = await TestSocket.open(site.proxy.socketUrl + statePath(gateway), token);
  const path = `/applications/${peripheral.applicationId}/state`;
  const frames = await TestSocket.open(site.proxy.socketUrl + path, token);
  return { site, token, socket, frames };
}

async function devicesOf(site: Site): Promise<Status['devices']> {
  return ((await (await fetch(`${site.proxy.adminUrl}/status`)).json()) as Status).devices;
}

/** Devices with a wrong clock: their ids, the last time and how many states. */
async function wrongClocks(site: Site): Promise<unknown[]> {
  const { listed } = await devicesOf(site);
  return listed
    .filter(({ trouble }) => trouble === 'wrong_clock')
    .map(({ deviceId, wrongClock }) => [deviceId, wrongClock?.lastTime, wrongClock?.states] as const)
    .sort();
}

async function metric(site: Site, sample: string): Promise<number> {
  const lines = (await (await fetch(`${site.proxy.adminUrl}/metrics`)).text()).split('\n');
  return Number(lines.find((line) => line.startsWith(`${sample} `))?.split(' ')[1]);
}

function logged(site: Site, event: string) {
  return site.proxy.log.filter((line) => line.event === event);
}

const ofGateway = [gateway.deviceId, '1970-01-01T00:00:12.000Z', 2];
const ofPeripheral = [peripheral.deviceId, '1970-01-01T00:00:12.000Z', 1];
const BOTH = [ofGateway, ofPeripheral].sort();

test('a device whose clock is wrong is named, however it sends, until its times are right again', async () => {
  const { site, token, socket, frames } = await open('forward');
  expect((await postState(site, gateway, token, BOOTED)).status).toBe(200);
  socket.send(packr.pack(BOOTED));
  await socket.untilAcknowledged(1);
  frames.send(JSON.stringify({ ...BOOTED, deviceId: peripheral.deviceId }));
  await frames.untilAcknowledged(1);
  await expect.poll(() => wrongClocks(site)).toEqual(BOTH);
  expect(await metric(site, 'stateway_devices{trouble="wrong_clock"}')).toBe(2);
  expect(await metric(site, 'stateway_states_out_of_window_total')).toBe(3);
  const told = logged(site, 'device-clock-wrong');
  expect(told.map(({ deviceId }) => deviceId).sort()).toEqual([gateway.deviceId, peripheral.deviceId].sort());
  expect(told[0]).toMatchObject({ lastTime: '1970-01-01T00:00:12.000Z', states: 1, outOfWindow: 'forward' });
  // Without a time the time of arrival counts: that is a cure, too.
  expect((await postState(site, gateway, token, { data: { n: 2 } })).status).toBe(200);
  frames.send(JSON.stringify({ data: { n: 2 }, time: Date.now(), deviceId: peripheral.deviceId }));
  await frames.untilAcknowledged(2);
  await expect.poll(() => wrongClocks(site)).toEqual([]);
  expect(logged(site, 'device-clock-right')).toHaveLength(2);
  for (const device of [gateway, peripheral]) await untilHeld(site, device, ({ ignored }) => ignored > 0);
});

test('with `arrival` its states are stored at the time of their arrival, and it is named all the same', async () => {
  const startedMs = Date.now();
  const { site, token, socket, frames } = await open('arrival');
  expect((await postState(site, gateway, token, BOOTED)).status).toBe(200);
  socket.send(packr.pack({ ...BOOTED, data: { n: 2 } }));
  await socket.untilAcknowledged(1);
  frames.send(JSON.stringify({ ...BOOTED, deviceId: peripheral.deviceId }));
  await frames.untilAcknowledged(1);
  const { records } = await untilHeld(site, gateway, (ledger) => ledger.records.length === 2);
  expect(records.map(({ data }) => data.n)).toEqual([1, 2]);
  for (const { timeMs } of records) expect(timeMs).toBeGreaterThanOrEqual(startedMs);
  await untilHeld(site, peripheral, (ledger) => ledger.records.length === 1);
  expect(site.cloud.ledger(gateway.deviceId)?.ignored).toBe(0);
  await expect.poll(() => wrongClocks(site)).toEqual(BOTH);
  expect(await metric(site, 'stateway_states_out_of_window_total')).toBe(0);
});

test('with `refuse` it is told which time is wrong and what is allowed', async () => {
  const { site, token, socket, frames } = await open('refuse');
  const wanted =
    /time: 1970-01-01T00:00:12\.000Z is a time that the cloud does not keep; allowed is from 20\d\d-.* to /;
  const { status, body } = await postState(site, gateway, token, [BOOTED, { data: { n: 2 } }]);
  expect([status, body.type]).toEqual([400, 'Validation']);
  expect(body.message).toMatch(wanted);
  socket.send(packr.pack(BOOTED));
  await socket.untilAcknowledged(1);
  frames.send(JSON.stringify({ ...BOOTED, deviceId: peripheral.deviceId }));
  await frames.untilAcknowledged(1);
  for (const { answers } of [socket, frames]) {
    expect(answers[0]).toMatchObject({
      error: { type: 'Validation', message: expect.stringMatching(wanted) },
      frame: 1,
    });
  }
  await expect.poll(() => wrongClocks(site)).toEqual(BOTH);
  expect((await postState(site, gateway, token, { data: { n: 3 } })).status).toBe(200);
  await expect.poll(() => wrongClocks(site)).toEqual([ofPeripheral]);
});

test.each([
  ['of 1970', Date.UTC(1970, 0, 2) - Date.now()],
  ['over a year ahead', 400 * DAY_MS],
])('by a clock of the proxy %s no right clock is called wrong, and a wrong one is', async (_, offByMs) => {
  const site = await ClockSite.open({ offByMs, cloudOffByMs: 0, env: { STATEWAY_OUT_OF_WINDOW: 'refuse' } });
  expect(await site.post(0, Date.now())).toBe(200);
  expect(await site.post(1, -5_000)).toBe(200);
  expect(await site.post(2)).toBe(200);
  expect((await site.status()).devices.listed).toEqual([]);
  expect(await site.post(3, new Date(BOOTED_MS).toISOString())).toBe(400);
});

test('with `arrival` the time of the device stands in meta, also of a first state that is sent at once', async () => {
  const site = await ClockSite.open({ cloudOffByMs: 0, env: { STATEWAY_OUT_OF_WINDOW: 'arrival' } });
  const sentMs = Date.now();
  expect(await site.postBody({ ...BOOTED, data: { n: 0 } }, 'opaque')).toBe(200);
  expect(await site.postBody([{ ...BOOTED, data: { n: 1 }, meta: { line: 3 } }])).toBe(200);
  await expect.poll(() => site.arrived.length).toBe(2);
  expect(site.arrived.map((state) => (state as { meta?: unknown }).meta)).toEqual([
    { deviceTime: BOOTED.time },
    { line: 3, deviceTime: BOOTED.time },
  ]);
  for (const { time } of site.arrived) expect(Math.abs(time - sentMs)).toBeLessThan(20_000);
});
