import { expect, test } from 'vitest';
import { type PlannedDevice, planGateway } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, statePath, untilHeld } from '../helpers/bench-site.js';
import { TestSocket } from '../helpers/test-socket.js';

/** What the issue of the drop-in promises, and no test may take longer. */
const WITHIN_MS = 60_000;

interface Plant {
  readonly site: Site;
  readonly token: string;
  readonly gateway: PlannedDevice;
  readonly peripherals: readonly [PlannedDevice, PlannedDevice];
}

/** A gateway whose one token is in use everywhere: for two peripherals and itself. */
async function openPlant(): Promise<Plant> {
  const [gateway, first, second] = planGateway(2, 'plant') as [PlannedDevice, PlannedDevice, PlannedDevice];
  const site = await openSite({ cloud: { devices: [gateway, first, second] } });
  return { site, token: await logIn(site, gateway), gateway, peripherals: [first, second] };
}

test('a refused token ends within a minute at every device and socket, long before its checks are due', {
  timeout: 2 * WITHIN_MS,
}, async () => {
  const { site, token, gateway, peripherals } = await openPlant();
  const [first, second] = peripherals;
  const open = (path: string) => TestSocket.open(site.proxy.socketUrl + path, token);
  const sockets = {
    'of the gateway': await open(`/applications/${gateway.applicationId}/state`),
    'of the first peripheral': await open(statePath(first)),
    'of the second, which is silent': await open(statePath(second)),
    'of the gateway as a device, which is silent': await open(statePath(gateway)),
  };
  sockets['of the gateway'].send(JSON.stringify([first, second].map(({ deviceId }) => ({ deviceId, data: { n: 1 } }))));
  await sockets['of the gateway'].untilAcknowledged(1);
  for (const device of peripherals) await untilHeld(site, device, (ledger) => ledger.records.length === 1);

  site.cloud.revokeToken(token);
  const revokedAtMs = Date.now();
  // One forward shows the proxy that the token is void.
  sockets['of the first peripheral'].send('{"data":{"n":2}}');
  const codes = await Promise.all(Object.values(sockets).map((socket) => socket.untilClosed()));
  expect(codes).toEqual(codes.map(() => 1008));
  for (const device of [gateway, ...peripherals]) {
    expect((await postState(site, device, token, { data: { n: 3 } })).status).toBe(401);
  }
  expect(Date.now() - revokedAtMs).toBeLessThan(WITHIN_MS);

  // A new log-in is as good as the first, and delivers what the old token could not.
  const fresh = await logIn(site, gateway);
  expect((await postState(site, first, fresh, { data: { n: 4 } })).status).toBe(200);
  const { records } = await untilHeld(site, first, (ledger) => ledger.records.length === 3);
  expect(records.map(({ data }) => data.n)).toEqual([1, 2, 4]);
});

test('a token that only one device refuses stays good for the others', async () => {
  const { site, token, peripherals } = await openPlant();
  const [first, second] = peripherals;
  for (const device of peripherals) await postState(site, device, token, { data: { n: 1 } });
  const socket = await TestSocket.open(site.proxy.socketUrl + statePath(second), token);
  site.cloud.setFaults([{ kind: 'status', status: 403, deviceIds: [first.deviceId] }]);
  await postState(site, first, token, { data: { n: 2 } });
  await expect.poll(async () => (await postState(site, first, token, { data: { n: 3 } })).status).toBe(403);
  socket.send('{"data":{"n":2}}');
  await socket.untilAcknowledged(1);
  expect(socket.closeCode).toBeUndefined();
});
