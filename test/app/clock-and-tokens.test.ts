import { test } from 'vitest';
import { type PlannedDevice, planGateway } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, statePath, untilHeld } from '../helpers/bench-site.js';
import { MovedClock } from '../helpers/moved-clock.js';
import { expect } from '../helpers/test-scope.js';
import { TestSocket } from '../helpers/test-socket.js';

const [gateway, first] = planGateway(1, 'clock') as [PlannedDevice, PlannedDevice];
const TEN_YEARS_MS = 3_650 * 86_400_000;

/** A site whose proxy sees a wall clock of its own. */
async function open(offByMs: number): Promise<{ site: Site; clock: MovedClock }> {
  const clock = new MovedClock(offByMs);
  // A start of another boot waits for a window of the limit.
  const env = { ...clock.env, STATEWAY_RATE_LIMIT: '30/1s' };
  const site = await openSite({ cloud: { devices: [gateway, first] }, env });
  return { site, clock };
}

const state = (n: number) => ({ time: Date.now(), data: { n } });

test.concurrent('a clock ten years ahead keeps no token out: the cloud decides whether it is over', async () => {
  const { site } = await open(TEN_YEARS_MS);
  const subject = { kind: 'device', deviceId: gateway.deviceId } as const;
  const builtIn = site.cloud.issueToken({ subject, scopes: ['all.Device'], ttlSeconds: 3_600 });
  expect((await postState(site, gateway, builtIn, state(1))).status).toBe(200);
  const token = await logIn(site, gateway);
  expect((await postState(site, gateway, token, state(2))).status).toBe(200);
  const device = await TestSocket.open(site.proxy.socketUrl + statePath(gateway), token);
  const frames = await TestSocket.open(`${site.proxy.socketUrl}/applications/${first.applicationId}/state`, token);
  // Sockets look at the clock every second.
  for (let n = 3; n < 6; n++) {
    device.send(JSON.stringify(state(n)));
    frames.send(JSON.stringify({ deviceId: first.deviceId, ...state(n) }));
    await Promise.all([device.untilAcknowledged(n - 2), frames.untilAcknowledged(n - 2)]);
    await new Promise((resolve) => setTimeout(resolve, 600));
  }
  expect([...device.answers, ...frames.answers].filter((answer) => 'error' in answer)).toEqual([]);
  await untilHeld(site, gateway, ({ records }) => records.length === 5);
  await untilHeld(site, first, ({ records }) => records.length === 3);
  const over = site.cloud.issueToken({ subject, scopes: ['all.Device'], ttlSeconds: -60 });
  expect((await postState(site, gateway, over, state(9))).status).toBe(401);
});

test.concurrent('a clock that jumps ten years ahead closes no socket and parks no device', async () => {
  const { site, clock } = await open(0);
  const token = await logIn(site, gateway);
  const device = await TestSocket.open(site.proxy.socketUrl + statePath(gateway), token);
  const frames = await TestSocket.open(`${site.proxy.socketUrl}/applications/${first.applicationId}/state`, token);
  for (let n = 1; n <= 4; n++) {
    if (n === 2) clock.offByMs = TEN_YEARS_MS;
    device.send(JSON.stringify(state(n)));
    frames.send(JSON.stringify({ deviceId: first.deviceId, ...state(n) }));
    await Promise.all([device.untilAcknowledged(n), frames.untilAcknowledged(n)]);
    await new Promise((resolve) => setTimeout(resolve, 600));
  }
  for (const each of [gateway, first]) await untilHeld(site, each, ({ records }) => records.length === 4);
  expect([device.closeCode, frames.closeCode]).toEqual([undefined, undefined]);
});

test.concurrent('a start ten years ahead in an outage removes no token and no log-in', {
  timeout: 120_000,
}, async () => {
  const { site, clock } = await open(0);
  const token = await logIn(site, gateway);
  expect((await postState(site, gateway, token, state(1))).status).toBe(200);
  await untilHeld(site, gateway, ({ records }) => records.length === 1);
  site.cloud.setFaults([{ kind: 'outage' }]);
  expect((await postState(site, gateway, token, state(2))).status).toBe(200);
  await site.proxy.stop();

  // In the boot in which the cloud's clock was heard, that goes on.
  clock.offByMs = TEN_YEARS_MS;
  await site.restart();
  expect((await postState(site, gateway, token, state(3))).status).toBe(200);
  await site.proxy.stop();

  // In another, the machine's clock is all there is.
  await site.restart({ MOVED_BOOT: 'a boot ahead' });
  expect((await postState(site, gateway, token, state(9))).status).toBe(401);
  await site.proxy.stop();

  clock.offByMs = 0;
  await site.restart({ MOVED_BOOT: 'a boot in time' });
  expect(await logIn(site, gateway)).toBe(token);
  expect((await postState(site, gateway, token, state(4))).status).toBe(200);
  await site.proxy.stop();

  // What waits is delivered with the token that is on disk, though by the clock that is over.
  clock.offByMs = TEN_YEARS_MS;
  site.cloud.setFaults([]);
  await site.restart({ MOVED_BOOT: 'another boot ahead' });
  const { records } = await untilHeld(site, gateway, (ledger) => ledger.records.length === 4);
  expect(records.map(({ data }) => data.n)).toEqual([1, 2, 3, 4]);
  expect((await postState(site, gateway, token, state(5))).status).toBe(200);
});
