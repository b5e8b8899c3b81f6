import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import {
  logIn,
  openSite,
  postState,
  type Site,
  type SiteOptions,
  statePath,
  status,
  untilHeld,
} from '../helpers/bench-site.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { MAIN_FILE } from '../helpers/program.js';
import { atEnd, expect } from '../helpers/test-scope.js';
import { TestSocket } from '../helpers/test-socket.js';

function deviceOf(site: Site, index = 0): PlannedDevice {
  return site.devices[index] as PlannedDevice;
}

/** A site, and the cable between its proxy and the cloud. */
async function siteWithCable(options: SiteOptions = {}): Promise<{ site: Site; cable: Cable }> {
  let line: FaultProxy | undefined;
  const site = await openSite({
    ...options,
    line: async (cloudUrl) => {
      const started = await FaultProxy.start(cloudUrl);
      atEnd(() => started.close());
      line = started;
      return started.url;
    },
  });
  const put = (kind: 'reset' | 'sound') => {
    (line as FaultProxy).line = { kind };
  };
  return { site, cable: { cut: () => put('reset'), mend: () => put('sound') } };
}

interface Cable {
  cut(): void;
  mend(): void;
}

/** Logs in, and waits until that is on disk, which is a moment after the answer: only a kill can come between. */
async function logInForGood(site: Site, device: PlannedDevice): Promise<string> {
  const token = await logIn(site, device);
  await untilKept(site, 1);
  return token;
}

/** Waits until as many grants and log-ins are on disk. */
async function untilKept(site: Site, devices: number): Promise<void> {
  const kept = async () => (await status(site)).kept;
  await expect.poll(kept).toEqual({ grants: devices, logIns: devices, unwritten: 0 });
}

/** Posts credentials to the proxy, or to the cloud itself. */
async function tryLogIn(url: string, credentials: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${url}/auth/device`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(credentials),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

function credentialsOf({ deviceId, credentials }: PlannedDevice): { deviceId: string; key: string; secret: string } {
  return { deviceId, ...(credentials as { key: string; secret: string }) };
}

async function metric(site: Site, name: string): Promise<number> {
  const text = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(name));
  return Number(line?.slice(name.length));
}

test.concurrent('with the cable cut, after a kill -9: devices log in, report, and are forwarded when it is back', async () => {
  const { site, cable } = await siteWithCable();
  const device = deviceOf(site);
  const credentials = credentialsOf(device);
  const token = await logInForGood(site, device);
  cable.cut();
  await site.proxy.kill();
  await site.restart();
  const offline = await tryLogIn(site.proxy.url, credentials);
  expect(offline).toMatchObject({ status: 200, body: { token, deviceId: device.deviceId, deviceClass: 'standalone' } });
  expect(await tryLogIn(site.proxy.url, { ...credentials, secret: 'wrong' })).toMatchObject({
    status: 401,
    body: { type: 'Unauthorized' },
  });
  expect(await tryLogIn(site.proxy.url, { ...credentials, tokenTTL: 60 })).toMatchObject({ status: 503 });
  expect(await tryLogIn(site.proxy.url, credentialsOf(deviceOf(site, 1)))).toMatchObject({ status: 503 });
  expect(await metric(site, 'stateway_token_cache_total{result="offline"}')).toBe(1);

  expect((await postState(site, device, token, { data: { n: 1 } })).status).toBe(200);
  const other = deviceOf(site, 1);
  expect((await postState(site, other, token, { data: { n: 1 } })).status).toBe(503);
  const socket = await TestSocket.open(site.proxy.socketUrl + statePath(device), token);
  socket.send('{"data":{"n":2}}');
  await socket.untilAcknowledged(1);

  cable.mend();
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 2);
  expect(records.map(({ data }) => data.n)).toEqual([1, 2]);
  expect(site.cloud.ledger(other.deviceId)?.posts ?? 0).toBe(0);
});

test.concurrent('a cloud that answers 5xx is as good as away', async () => {
  const site = await openSite();
  const credentials = credentialsOf(deviceOf(site));
  const online = await tryLogIn(site.proxy.url, credentials);
  site.cloud.setFaults([{ kind: 'status', status: 503, route: 'login' }]);
  expect(await tryLogIn(site.proxy.url, credentials)).toEqual(online);
});

test.concurrent('what waits after a restart is sent without its device', async () => {
  const site = await openSite();
  const device = deviceOf(site);
  const token = await logInForGood(site, device);
  site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
  await postState(site, device, token, { time: Date.now(), data: { n: 1 } });
  await site.proxy.kill();
  site.cloud.setFaults([]);
  await site.restart();
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 1);
  expect(records[0]).toMatchObject({ deliveries: 1, data: { n: 1 } });
});

test.concurrent('a token that was revoked while the proxy was down delivers nothing and is told so', async () => {
  const site = await openSite();
  const device = deviceOf(site);
  const token = await logInForGood(site, device);
  site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
  await postState(site, device, token, { time: Date.now(), data: { n: 1 } });
  await site.proxy.kill();
  site.cloud.revokeToken(token);
  site.cloud.setFaults([]);
  await site.restart();
  await expect.poll(() => metric(site, 'stateway_lanes{state="parked"}')).toBe(1);
  expect((await postState(site, device, token, { data: { n: 2 } })).status).toBe(401);
  expect((await status(site)).spool.states).toBe(1);
  // The log-in of the next morning: what was acknowledged is delivered with the new token.
  await logIn(site, device);
  await untilHeld(site, device, (ledger) => ledger.records.length === 1);
});

test.concurrent('an idle socket is closed with 1008 once the cloud refuses its token', async () => {
  const site = await openSite({ env: { STATEWAY_TOKEN_TTL_MS: '300ms' } });
  const device = deviceOf(site);
  const token = await logIn(site, device);
  const socket = await TestSocket.open(site.proxy.socketUrl + statePath(device), token);
  site.cloud.revokeToken(token);
  await expect.poll(() => socket.closeCode).toBe(1008);
  expect((await postState(site, device, token, { data: { n: 1 } })).status).toBe(401);
});

test.concurrent('a token that may send but not read is granted by its first state', async () => {
  const site = await openSite();
  const [device, other] = [deviceOf(site), deviceOf(site, 1)];
  const token = site.cloud.issueToken({
    subject: { kind: 'device', deviceId: device.deviceId },
    scopes: ['device.sendState'],
    ttlSeconds: 600,
  });
  const bodies = Array.from({ length: 10 }, (_, n) => ({ time: Date.now() - 10 + n, data: { n } }));
  const answers = await Promise.all(bodies.map((body) => postState(site, device, token, body)));
  expect(answers.map((answer) => answer.status)).toEqual(bodies.map(() => 200));
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === bodies.length);
  expect(records.every(({ deliveries }) => deliveries === 1)).toBe(true);
  expect((await postState(site, other, token, { data: { n: 1 } })).status).toBe(403);
});

test.concurrent('the cloud away, a kill -9, the cloud back, a restart: all of a fleet arrives, with no device there', async () => {
  const { site, cable } = await siteWithCable({ devices: 20 });
  const tokens = await Promise.all(site.devices.map((device) => logIn(site, device)));
  await untilKept(site, site.devices.length);
  cable.cut();
  const start = Date.now();
  for (let n = 0; n < 5; n++) {
    const states = { time: start + n, data: { n } };
    const answers = await Promise.all(
      site.devices.map((device, i) => postState(site, device, tokens[i] as string, states)),
    );
    expect(answers.every((answer) => answer.status === 200)).toBe(true);
  }
  await site.proxy.kill();
  cable.mend();
  await site.restart();
  for (const device of site.devices) {
    const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 5);
    expect(records.map(({ data }) => data.n)).toEqual([0, 1, 2, 3, 4]);
  }
});

test.concurrent('what an operator puts back is sent with the token that is known, though its device is away', async () => {
  const site = await openSite();
  const device = deviceOf(site);
  const token = await logInForGood(site, device);
  site.cloud.setFaults([{ kind: 'status', status: 400, route: 'state' }]);
  await postState(site, device, token, { time: Date.now(), data: { n: 1 } });
  await expect.poll(async () => (await status(site)).spool.states).toBe(0);
  site.cloud.setFaults([]);
  // A fresh start: there is no lane of the device, only what is known of its token.
  await site.proxy.stop();
  await site.restart();
  await promisify(execFile)(process.execPath, [MAIN_FILE, 'spool', 'requeue', '--all', '--data-dir', site.dataDir], {
    env: { PATH: process.env.PATH },
  });
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 1);
  expect(records[0]?.data).toEqual({ n: 1 });
});

test.concurrent('first states keep to the limit of their device: the cloud never counts more than 30 in 15 s', async () => {
  const site = await openSite();
  const device = deviceOf(site);
  const own = await logIn(site, device);
  const subject = { kind: 'device', deviceId: device.deviceId } as const;
  const proofs: Promise<{ status: number }>[] = [];
  for (let n = 0; n < 60; n++) {
    const token = site.cloud.issueToken({ subject, scopes: ['device.sendState'], ttlSeconds: 600 + n });
    await postState(site, device, own, { data: { own: n } });
    proofs.push(postState(site, device, token, { data: { first: n } }));
  }
  for (const { status: code } of await Promise.all(proofs)) expect([200, 429]).toContain(code);
  const ledger = site.cloud.ledger(device.deviceId);
  expect(ledger?.throttled).toBe(0);
  expect(ledger?.maxRequestsInWindow).toBeLessThanOrEqual(30);
});
