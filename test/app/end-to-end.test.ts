import { Packr } from 'msgpackr';
import { test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, statePath, status, untilHeld } from '../helpers/bench-site.js';
import { expect, sharedByTests } from '../helpers/test-scope.js';
import { TestSocket } from '../helpers/test-socket.js';

const packr = new Packr({ useRecords: false });
const STATES = 200;

/** For those that leave nothing behind but the states of devices of their own. */
const shared = sharedByTests(() => openSite({ devices: 7 }));

function deviceOf(site: Site, index = 0): PlannedDevice {
  return site.devices[index] as PlannedDevice;
}

/** States of rising `n`, each with a time of its own and values that JSON and doubles must carry exactly. */
function exactStates(count: number): { time: number; data: Record<string, number | string | boolean> }[] {
  const start = Date.now() - count;
  return Array.from({ length: count }, (_, n) => ({
    time: start + n,
    data: { n, third: n / 3, big: 2 ** 53 - n, text: `π ${n} "\\\u0000\ud83c\udf21`, even: n % 2 === 0, __proto__x: n },
  }));
}

test.concurrent('values and order are exact over HTTP, one request after another', async () => {
  const site = shared();
  const device = deviceOf(site, 0);
  const token = await logIn(site, device);
  const states = exactStates(STATES);
  for (const state of states) {
    expect((await postState(site, device, token, state)).body).toEqual({ success: true });
  }
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === STATES);
  expect(records.map(({ timeMs, data }) => ({ time: timeMs, data }))).toEqual(states);
  expect(records.every(({ deliveries }) => deliveries === 1)).toBe(true);
});

for (const [index, kind, encode] of [
  [1, 'text', (state: object) => JSON.stringify(state)],
  [2, 'binary', (state: object) => packr.pack(state)],
] as const) {
  test(`values and order are exact over WebSocket ${kind} frames, with cumulative acks`, async () => {
    const site = shared();
    const device = deviceOf(site, index);
    const socket = await TestSocket.open(site.proxy.socketUrl + statePath(device), await logIn(site, device));
    const states = exactStates(STATES);
    for (const state of states) socket.send(encode(state));
    await socket.untilAcknowledged(STATES);

    const acks = socket.answers.map((answer) => ('ack' in answer ? answer.ack : Number.NaN));
    expect(acks.at(-1)).toBe(STATES);
    expect(acks).toEqual([...acks].sort((a, b) => a - b));
    // One answer covers many frames: that is what makes it cumulative.
    expect(acks.length).toBeLessThan(STATES);
    const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === STATES);
    expect(records.map(({ timeMs, data }) => ({ time: timeMs, data }))).toEqual(states);
  });
}

test.concurrent('a refused frame is named before the ack that covers it, and the connection goes on', async () => {
  const site = shared();
  const device = deviceOf(site, 3);
  const socket = await TestSocket.open(site.proxy.socketUrl + statePath(device), await logIn(site, device));
  socket.send('{"data":{"n":1}}');
  socket.send('{"data":{"n":');
  socket.send('{"data":{"n":3}}');
  await socket.untilAcknowledged(3);
  const errorAt = socket.answers.findIndex((answer) => 'error' in answer && answer.frame === 2);
  const coveredAt = socket.answers.findIndex((answer) => 'ack' in answer && answer.ack >= 2);
  expect(socket.answers[errorAt]).toMatchObject({ error: { type: 'Validation' }, frame: 2 });
  expect(coveredAt).toBeGreaterThan(errorAt);
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 2);
  expect(records.map(({ data }) => data.n)).toEqual([1, 3]);
});

test.concurrent('a gateway sends for its peripherals, and for nobody else', async () => {
  const { planGateway } = await import('../../src/simulator/fleet-plan.js');
  const [gateway, first, second] = planGateway(2, 'plant') as [PlannedDevice, PlannedDevice, PlannedDevice];
  const [stranger] = planGateway(0, 'elsewhere');
  const site = await openSite({ cloud: { devices: [gateway, first, second, stranger] } });
  const token = await logIn(site, gateway);
  const socket = await TestSocket.open(`${site.proxy.socketUrl}/applications/${gateway.applicationId}/state`, token);
  socket.send(
    JSON.stringify([
      { deviceId: first.deviceId, data: { n: 1 } },
      { deviceId: second.deviceId.toUpperCase(), data: { n: 2 } },
      { deviceId: first.deviceId, data: { n: 3 } },
    ]),
  );
  socket.send(packr.pack({ deviceId: gateway.deviceId, data: { n: 4 } }));
  socket.send(
    JSON.stringify([
      { deviceId: first.deviceId, data: { n: 5 } },
      { deviceId: stranger.deviceId, data: { n: 6 } },
    ]),
  );
  socket.send(JSON.stringify({ deviceId: second.deviceId, data: { n: 7 } }));
  await socket.untilAcknowledged(4);

  expect(socket.answers.filter((answer) => 'error' in answer)).toEqual([
    { error: { type: 'Forbidden', message: expect.stringContaining(stranger.deviceId) }, frame: 3 },
  ]);
  const heldBy = async (device: PlannedDevice, count: number) =>
    (await untilHeld(site, device, (ledger) => ledger.records.length === count)).records.map(({ data }) => data.n);
  expect(await heldBy(first, 2)).toEqual([1, 3]);
  expect(await heldBy(second, 2)).toEqual([2, 7]);
  expect(await heldBy(gateway, 1)).toEqual([4]);
  expect(site.cloud.ledger(stranger.deviceId)?.posts ?? 0).toBe(0);
});

test.concurrent('states without a time get stamps of their own, in one body and in many at once', async () => {
  const site = shared();
  const device = deviceOf(site, 4);
  const token = await logIn(site, device);
  await postState(site, device, token, [{ data: { n: 0 } }, { data: { n: 1 } }]);
  await Promise.all(
    Array.from({ length: 20 }, (_, body) =>
      postState(site, device, token, [{ data: { n: 2 * body + 2 } }, { data: { n: 2 * body + 3 } }]),
    ),
  );
  const { records } = await untilHeld(site, device, (ledger) => ledger.states >= 42);
  expect(records.map(({ data }) => data.n).sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: 42 }, (_, n) => n),
  );
});

test.concurrent('fifty simultaneous requests with an unknown token ask the cloud once', async () => {
  const site = await openSite();
  const device = deviceOf(site);
  const token = site.cloud.issueToken({
    subject: { kind: 'device', deviceId: device.deviceId },
    scopes: ['all.Device'],
    ttlSeconds: 600,
  });
  // The question is held up until all fifty wait for it.
  site.cloud.setFaults([{ kind: 'delay', delayMs: 300, route: 'device' }]);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) => postState(site, device, token, { time: Date.now() + n, data: { n } })),
  );
  expect(answers.map(({ status: code }) => code)).toEqual(Array.from({ length: 50 }, () => 200));
  const metrics = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(/stateway_token_cache_total\{result="miss"\} 1\n/);
  await untilHeld(site, device, (ledger) => ledger.records.length === 50);
});

test.concurrent('a token of one device is refused for another, however the ids are written', async () => {
  const site = shared();
  const [device, other] = [deviceOf(site, 5), deviceOf(site, 6)];
  const token = await logIn(site, device);
  for (const deviceId of [other.deviceId, other.deviceId.toUpperCase()]) {
    const answer = await postState(site, { ...other, deviceId }, token, { data: { n: 1 } });
    expect(answer).toMatchObject({ status: 403, body: { type: 'Forbidden' } });
  }
  const shouted = { ...device, deviceId: device.deviceId.toUpperCase() };
  expect((await postState(site, shouted, token, { data: { n: 1 } })).status).toBe(200);
  await untilHeld(site, device, (ledger) => ledger.records.length === 1);
  expect(site.cloud.ledger(other.deviceId)?.posts ?? 0).toBe(0);
});

test.concurrent('a relative time counts from its arrival here, not from its forwarding', async () => {
  const site = await openSite();
  const device = deviceOf(site);
  const token = await logIn(site, device);
  site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
  const before = Date.now();
  await postState(site, device, token, { time: -600_000, data: { n: 1 } });
  const after = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  site.cloud.setFaults([]);
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 1);
  expect(records[0]?.timeMs).toBeGreaterThanOrEqual(before - 600_000);
  expect(records[0]?.timeMs).toBeLessThanOrEqual(after - 600_000);
});

test.concurrent('the cloud never sees more requests of a device than its limit, and loses none of the states', async () => {
  // Long beside what a request takes on a machine that has other tests to run.
  const rateLimit = { requests: 5, windowMs: 3_000 };
  const site = await openSite({ cloud: { rateLimit }, env: { STATEWAY_RATE_LIMIT: '5/3s', STATEWAY_WINDOW_MS: '1' } });
  const device = deviceOf(site);
  const token = await logIn(site, device);
  const endAtMs = Date.now() + 3 * rateLimit.windowMs;
  let sent = 0;
  while (Date.now() < endAtMs) {
    await postState(site, device, token, { time: Date.now() - 10_000 + sent, data: { n: sent } });
    sent++;
  }
  const ledger = await untilHeld(site, device, ({ states }) => states >= sent);
  expect(ledger.throttled).toBe(0);
  expect(ledger.maxRequestsInWindow).toBeLessThanOrEqual(rateLimit.requests);
  // And it is not merely slow: most of the limit is used.
  expect(ledger.posts).toBeGreaterThan(3 * (rateLimit.requests - 2));
});

test.concurrent('what was acknowledged before a kill -9 is replayed, once and in order', async () => {
  const site = await openSite();
  const device = deviceOf(site);
  const token = await logIn(site, device);
  site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
  const states = exactStates(50);
  for (const state of states) expect((await postState(site, device, token, state)).status).toBe(200);
  await site.proxy.kill();
  await site.restart();
  expect((await status(site)).spool.states).toBe(50);

  // The device's token is on disk as well: nothing has to come from the device.
  site.cloud.setFaults([]);
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 50);
  expect(records.map(({ data }) => data.n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(records.every(({ deliveries }) => deliveries === 1)).toBe(true);
});

test.concurrent('what was delivered is not sent again after a restart', async () => {
  const site = await openSite({ env: {} });
  const device = deviceOf(site);
  const token = await logIn(site, device);
  await postState(site, device, token, exactStates(10));
  await untilHeld(site, device, (ledger) => ledger.records.length === 10);
  await expect.poll(async () => (await status(site)).spool.states).toBe(0);
  await site.proxy.kill();
  await site.restart();
  await postState(site, device, token, { time: Date.now() + 1, data: { n: 10 } });
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 11);
  expect(records.map(({ deliveries }) => deliveries)).toEqual(Array.from({ length: 11 }, () => 1));
});

test.concurrent('with a token of its own the proxy replays without any device', async () => {
  const site = await openSite();
  const device = deviceOf(site);
  const upstreamToken = site.cloud.issueToken({
    subject: { kind: 'application', applicationId: device.applicationId },
    scopes: ['all.Application'],
    ttlSeconds: 600,
  });
  const token = await logIn(site, device);
  site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
  await postState(site, device, token, exactStates(5));
  await site.proxy.kill();
  site.cloud.setFaults([]);
  await site.restart({ STATEWAY_UPSTREAM_TOKEN: upstreamToken });
  await untilHeld(site, device, (ledger) => ledger.records.length === 5);
});

test.concurrent('SIGTERM under load: exit 0 within ten seconds, nothing lost, nothing twice', async () => {
  const site = await openSite();
  const device = deviceOf(site);
  const token = await logIn(site, device);
  let acknowledged = 0;
  let running = true;
  const load = (async () => {
    for (let n = 0; running; n++) {
      const answer = await postState(site, device, token, { time: Date.now() - 100_000 + n, data: { n } }).catch(
        () => undefined,
      );
      if (answer?.status !== 200) return;
      acknowledged++;
    }
  })();
  await expect.poll(() => acknowledged).toBeGreaterThan(100);
  const stoppedAtMs = Date.now();
  expect(await site.proxy.stop()).toBe(0);
  expect(Date.now() - stoppedAtMs).toBeLessThan(10_000);
  running = false;
  await load;
  await site.restart();
  await postState(site, device, token, { time: Date.now() + 1, data: { n: -1 } });
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length >= acknowledged + 1);
  expect(records.filter(({ deliveries }) => deliveries > 1)).toEqual([]);
});
