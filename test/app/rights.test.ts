import { describe, test } from 'vitest';
import { type PlannedDevice, planGateway } from '../../src/simulator/fleet-plan.js';
import { openSite, postState, type Site, statePath, untilHeld } from '../helpers/bench-site.js';
import { expect, sharedByTests } from '../helpers/test-scope.js';
import { TestSocket } from '../helpers/test-socket.js';

const [gateway, first, second] = planGateway(2, 'rights') as [PlannedDevice, PlannedDevice, PlannedDevice];
const DEVICES = [gateway, first, second];
const GATEWAY_PATH = `/applications/${gateway.applicationId}/state`;

/** @param hasToken whether the proxy has a token of the plant, which may send for every device */
const openPlant = (hasToken = false) =>
  openSite({
    cloud: { devices: DEVICES, gatewayReadsPeripherals: true },
    env: (cloud): Record<string, string> =>
      hasToken
        ? {
            STATEWAY_UPSTREAM_TOKEN: cloud.issueToken({
              subject: { kind: 'user' },
              scopes: ['all.User'],
              ttlSeconds: 600,
            }),
          }
        : {},
  });

interface TokenOptions {
  readonly device?: PlannedDevice;
  /** Whether its claims say what it may do. */
  readonly namesScopes?: boolean;
}

function tokenWith({ cloud }: Site, scopes: readonly string[], options: TokenOptions = {}): string {
  const { device = first, namesScopes = true } = options;
  const subject = { kind: 'device', deviceId: device.deviceId } as const;
  return cloud.issueToken({ subject, scopes, ttlSeconds: 600, namesScopes });
}

/** Log-in that asks for scopes; the whole answer. */
async function logInFor(site: Site, device: PlannedDevice, requestedScopes: readonly string[]) {
  const response = await fetch(`${site.proxy.url}/auth/device`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ deviceId: device.deviceId, ...device.credentials, requestedScopes }),
  });
  return { status: response.status, body: (await response.json()) as { token: string; deviceId: string } };
}

/** Nothing of any device is in the cloud or on its way there. */
async function expectNothingSent(site: Site): Promise<void> {
  const { spool } = (await (await fetch(`${site.proxy.adminUrl}/status`)).json()) as { spool: { states: number } };
  expect(spool.states).toBe(0);
  for (const device of DEVICES) expect(site.cloud.ledger(device.deviceId)?.states).toBe(0);
}

const state = { data: { n: 1 } };
const named = (...devices: PlannedDevice[]) => JSON.stringify(devices.map(({ deviceId }) => ({ deviceId, ...state })));

describe.concurrent.each([
  ['alone', {}],
  ['with a token of the plant that may send', { upstream: true }],
])('a token that may read but not send, %s', (_name, { upstream = false }: { upstream?: boolean }) => {
  /** A plant whose devices deliver: what a token without the right brought would arrive under another. */
  const open = () => openPlant(upstream);
  const shared = sharedByTests(open);

  test.each([
    [['all.Device.read'], true],
    [['device.get', 'device.getState'], true],
    [['all.Device.read'], false],
  ])('is Forbidden over HTTP, with scopes %j that its claims name: %s', async (scopes, namesScopes) => {
    const site = shared();
    const { status, body } = await postState(site, first, tokenWith(site, scopes, { namesScopes }), state);
    expect({ status, type: body.type }).toEqual({ status: 403, type: 'Forbidden' });
    if (namesScopes) expect(body.message).toMatch(/scopes.*device\.sendState/);
    await expectNothingSent(site);
  });

  test('is Forbidden on a WebSocket of a device, and on one of a gateway frame by frame', async () => {
    const site = shared();
    const read = tokenWith(site, ['all.Device.read'], { device: gateway });
    await expect(TestSocket.open(site.proxy.socketUrl + statePath(gateway), read)).rejects.toThrow();
    const socket = await TestSocket.open(site.proxy.socketUrl + GATEWAY_PATH, read);
    socket.send(named(first, second));
    await socket.untilAcknowledged(1);
    expect(socket.answers[0]).toMatchObject({ error: { type: 'Forbidden' }, frame: 1 });
    const hidden = tokenWith(site, ['all.Device.read'], { namesScopes: false });
    const device = await TestSocket.open(site.proxy.socketUrl + statePath(first), hidden);
    device.send(JSON.stringify(state));
    expect(await device.untilClosed()).toBe(1008);
    await expectNothingSent(site);
  });

  test('is not granted by the log-in that brought it, whose answer is passed on as it is', async () => {
    const site = await open();
    const { status, body } = await logInFor(site, gateway, ['all.Device.read']);
    expect({ status, deviceId: body.deviceId }).toEqual({ status: 200, deviceId: gateway.deviceId });
    expect((await postState(site, gateway, body.token, state)).status).toBe(403);
    site.cloud.setFaults([{ kind: 'outage' }]);
    const again = await logInFor(site, gateway, ['all.Device.read']);
    expect(again).toEqual({ status: 200, body });
    expect((await postState(site, gateway, body.token, state)).status).toBe(403);
    await site.proxy.kill();
    await site.restart();
    expect((await postState(site, gateway, body.token, state)).status).toBe(403);
    site.cloud.setFaults([]);
    await expectNothingSent(site);
  });
});

describe.concurrent('a token whose claims do not say what it may do', () => {
  test('is proven with itself, not with the token of the plant, and then stored like any other', async () => {
    const site = await openPlant(true);
    const sends = tokenWith(site, ['all.Device'], { namesScopes: false });
    for (const n of [1, 2, 3]) {
      expect((await postState(site, first, sends, { time: n + Date.now(), data: { n } })).status).toBe(200);
    }
    const { records } = await untilHeld(site, first, (ledger) => ledger.records.length === 3);
    expect(records.map(({ data }) => data.n)).toEqual([1, 2, 3]);
    const reads = tokenWith(site, ['all.Device.read'], { device: second, namesScopes: false });
    expect((await postState(site, second, reads, state)).status).toBe(403);
    expect(site.cloud.ledger(second.deviceId)?.states).toBe(0);
  });

  test('sends frames for several devices, each settled by its own states', async () => {
    const site = await openPlant();
    const token = tokenWith(site, ['all.Device'], { device: gateway, namesScopes: false });
    const socket = await TestSocket.open(site.proxy.socketUrl + GATEWAY_PATH, token);
    for (let n = 0; n < 3; n++) socket.send(named(first, second, gateway));
    await socket.untilAcknowledged(3);
    expect(socket.answers.filter((answer) => 'error' in answer)).toEqual([]);
    for (const device of DEVICES) await untilHeld(site, device, (ledger) => ledger.states === 3);
  });

  test('refuses a frame that names a device it may not send for', async () => {
    const site = await openPlant();
    const token = tokenWith(site, ['all.Device'], { namesScopes: false });
    const socket = await TestSocket.open(site.proxy.socketUrl + GATEWAY_PATH, token);
    socket.send(named(second, first));
    await socket.untilAcknowledged(1);
    expect(socket.answers[0]).toMatchObject({ error: { type: 'Forbidden' }, frame: 1 });
    await expectNothingSent(site);
    socket.send(named(first));
    await socket.untilAcknowledged(2);
    await untilHeld(site, first, (ledger) => ledger.states === 1);
  });
});
