import { expect, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { parseExposition } from '../admin/exposition.js';
import { logIn, openSite, type Site, statePath, untilHeld } from '../helpers/bench-site.js';
import { createClient } from '../helpers/losant-client.js';
import { openPassingSite } from '../helpers/passing-site.js';
import { RawConnection } from '../helpers/raw-connection.js';
import { RawWebSocket } from '../helpers/raw-websocket.js';

/** A text whose every character is written as an escape. */
const escaped = (text: string): string => Buffer.from(text).toString('hex').replace(/../g, '%$&');

/** Spellings of a path by what was done to it. */
const spellings = ({ applicationId: a, deviceId: d }: PlannedDevice): string[] => [
  `//applications/${a}/devices/${d}/state`,
  `/applications/${a}/devices/${d}/state/`,
  `/applications///${a}/devices//${d}/state//?a=b`,
  `/applications/${escaped(a)}/devices/${escaped(d)}/state`,
  `/applications/${a.toUpperCase()}/devices/${escaped(d.slice(0, 1))}${d.slice(1)}/state`,
  `//applications/${a}/devices/${d}/%73tate/?_actions=false&_links=true&_embedded=true`,
];

/** POSTs to a target exactly as it is written, which URL parsers would not. */
async function rawPost(site: Site, target: string, token: string, body: string, method = 'POST') {
  const connection = await RawConnection.open(Number(new URL(site.proxy.url).port));
  const head = `${method} ${target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  await connection.send(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  return connection.readAnswer();
}

async function passedCalls(site: { readonly proxy: { readonly adminUrl: string } }): Promise<Record<string, number>> {
  const text = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
  return Object.fromEntries(parseExposition(text).get('stateway_passed_calls_total')?.values ?? []);
}

test('the real client, its url ending in a slash, logs in and sends, and goes on while the cloud is away', async () => {
  const site = await openSite();
  const [device] = site.devices as [PlannedDevice];
  const client = createClient({ url: `${site.proxy.url}/` });
  const { token, applicationId } = await client.auth.authenticateDevice({
    credentials: { deviceId: device.deviceId, ...device.credentials },
  });
  client.setOption('accessToken', token);
  const send = (n: number) =>
    client.device.sendState({ deviceId: device.deviceId, applicationId, deviceState: { data: { n } } });
  expect(await send(1)).toEqual({ success: true });
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 1);
  expect(records.map(({ data }) => data)).toEqual([{ n: 1 }]);
  expect(await passedCalls(site)).toEqual({});
  site.cloud.setFaults([{ kind: 'outage' }]);
  expect(await send(2)).toEqual({ success: true });
  expect(
    await client.auth.authenticateDevice({ credentials: { deviceId: device.deviceId, ...device.credentials } }),
  ).toMatchObject({ token });
});

test('every spelling of a path that means the same is served: states, sockets, log-ins', async () => {
  const site = await openSite();
  const [device] = site.devices as [PlannedDevice];
  const port = Number(new URL(site.proxy.url).port);
  const token = await logIn(site, device);
  const all = spellings(device);
  for (const [n, target] of all.entries()) {
    const answer = await rawPost(site, target, token, JSON.stringify({ data: { n } }));
    expect({ target, status: answer.status, body: answer.body }).toEqual({
      target,
      status: 200,
      body: '{"success":true}',
    });
  }
  const { applicationId, deviceId } = device;
  const sockets = [
    ...all.filter((target) => !target.includes('?')),
    `//applications/${escaped(applicationId)}//state/`,
  ];
  for (const [i, target] of sockets.entries()) {
    const socket = await RawWebSocket.open(port, target, { Authorization: `Bearer ${token}` });
    expect({ target, status: socket.upgrade.status }).toEqual({ target, status: 101 });
    await socket.send(
      1,
      JSON.stringify({ ...(target.includes('devices') ? {} : { deviceId }), data: { n: all.length + i } }),
    );
    expect(await socket.nextAnswer()).toEqual({ ack: 1 });
  }
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === all.length + sockets.length);
  expect(records.map(({ data }) => data.n)).toEqual([...all, ...sockets].map((_, n) => n));
  for (const target of ['//auth/device', '/auth//device/', '/auth/%64evice?a=b']) {
    const credentials = JSON.stringify({ deviceId, ...device.credentials });
    expect((await rawPost(site, target, '', credentials)).status).toBe(200);
  }
  expect(await passedCalls(site)).toEqual({});
});

test('what a server could take for such a path is refused, and nothing of it reaches the cloud', async () => {
  const { cloud, proxy, port } = await openPassingSite();
  const [a, d] = ['5a0000000000000000000001', '5b0000000000000000000001'];
  const state = '{"data":{"n":1}}';
  for (const target of [
    `/Applications/${a}/devices/${d}/state`,
    `/applications/${a}/devices/${d}/STATE`,
    `/applications/${a}/./devices/${d}/state`,
    `/x/../applications/${a}/devices/${d}/state`,
    `/applications/${a}/devices/${d}/x/%2e%2e/state`,
    `/applications/${a}/devices/${d}%2Fstate`,
    `/applications/${a}%2Fdevices/${d}/state`,
    `/applications/${a}/devices/${d}/%2573tate`,
    `/applications/${a}/devices/${d}/state;v=1`,
    `/applications/${a}/devices/${d}/state.json`,
    `/applications\\${a}\\devices\\${d}\\state`,
    '/auth/Device',
    '/auth/./device',
    '/auth%2fdevice',
  ]) {
    const connection = await RawConnection.open(port);
    await connection.send(`POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${state.length}\r\n\r\n${state}`);
    const answer = await connection.readAnswer();
    expect({ target, status: answer.status }).toEqual({ target, status: 404 });
    const plain = target.toLowerCase().startsWith('/auth')
      ? 'POST to /auth/device'
      : 'POST to /applications/:applicationId/devices/:deviceId/state';
    expect(JSON.parse(answer.body)).toEqual({ type: 'NotFound', message: expect.stringContaining(plain) });
  }
  expect(cloud.requests).toEqual([]);
  // A read of the same paths is the cloud's to answer, and so is every other method.
  for (const [method, target] of [
    ['GET', `/applications/${a}/devices/${d}/state`],
    ['GET', `/Applications/${a}/devices/${d}/state/`],
    ['PUT', `//applications/${a}/devices/${d}/state`],
    ['PATCH', `/applications/${a}/devices/${d}/state`],
    ['POST', `/applications/${a}/devices/${d}/command`],
  ] as const) {
    const connection = await RawConnection.open(port);
    await connection.send(`${method} ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`);
    expect((await connection.readAnswer()).status).toBe(200);
    expect(await cloud.nextRequest()).toMatchObject({ method, url: target });
  }
  expect(await passedCalls({ proxy })).toEqual({ '{code="200"}': 5 });
  cloud.leave();
  expect((await fetch(`${proxy.url}/me`)).status).toBe(502);
  expect(await passedCalls({ proxy })).toEqual({ '{code="200"}': 5, '{code="error"}': 1 });
});

test('the path of a state is one whatever its ids are', async () => {
  const site = await openSite();
  const [device] = site.devices as [PlannedDevice];
  for (const id of ['nobody', '%zz', '%2536', '%ff']) {
    const answer = await rawPost(site, statePath({ ...device, deviceId: id }), 'a', '{"data":{}}');
    expect({ id, status: answer.status, body: JSON.parse(answer.body) }).toEqual({
      id,
      status: 400,
      body: { type: 'Validation', message: expect.stringContaining('24 hexadecimal digits') },
    });
  }
});
