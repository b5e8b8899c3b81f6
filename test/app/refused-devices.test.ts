import { once } from 'node:events';
import { WebSocket } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import type { RecentRefusal, Status } from '../../src/admin/status-page/status-shape.js';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, statePath } from '../helpers/bench-site.js';
import { connectPacket, mqttPort, publishPacket, RawMqtt } from '../helpers/mqtt-clients.js';

type SixDevices = [PlannedDevice, PlannedDevice, PlannedDevice, PlannedDevice, PlannedDevice, PlannedDevice];

async function refusalsOf({ proxy }: Site): Promise<readonly RecentRefusal[]> {
  return ((await (await fetch(`${proxy.adminUrl}/status`)).json()) as Status).refusals.listed;
}

const happened = ({ proxy }: Site, deviceId: string) =>
  proxy.log.filter(({ event, deviceId: id }) => event === 'device-refused' && id === deviceId);

test('a device whose bodies or tokens are refused is named by page, log and metric, over HTTP, WebSocket, MQTT and log-in', async () => {
  const site = await openSite({ devices: 6, env: { STATEWAY_MQTT_LISTEN: '127.0.0.1:0' } });
  const [bad, forged, socketed, locked, babbling, barred] = site.devices as readonly PlannedDevice[] as SixDevices;
  const token = await logIn(site, bad);
  for (let n = 0; n < 3; n++) expect((await postState(site, bad, token, '{"data":')).status).toBe(400);
  expect((await postState(site, forged, 'made-up', { data: { n: 1 } })).status).toBe(401);

  const headers = { authorization: `Bearer ${await logIn(site, socketed)}` };
  const socket = new WebSocket(site.proxy.socketUrl + statePath(socketed), { headers });
  onTestFinished(() => socket.close());
  await once(socket, 'open');
  socket.send('no JSON');
  await once(socket, 'message');

  const credentials = { deviceId: locked.deviceId, key: 'a key', secret: 'not its secret' };
  const logInHeaders = { 'content-type': 'application/json' };
  const body = JSON.stringify(credentials);
  expect((await fetch(`${site.proxy.url}/auth/device`, { method: 'POST', headers: logInHeaders, body })).status).toBe(
    401,
  );

  const mqtt = await RawMqtt.open(mqttPort(site.proxy));
  await mqtt.send(connectPacket(babbling), publishPacket(babbling, 'no JSON', 1));
  expect(await mqtt.next()).toMatchObject({ cmd: 'connack', returnCode: 0 });
  expect(await mqtt.next()).toMatchObject({ cmd: 'puback', messageId: 1 });
  const barredMqtt = await RawMqtt.open(mqttPort(site.proxy));
  await barredMqtt.send(connectPacket(barred, { password: Buffer.from('not its secret') }));
  expect(await barredMqtt.next()).toMatchObject({ cmd: 'connack', returnCode: 5 });

  const listed = await refusalsOf(site);
  const of = ({ deviceId }: PlannedDevice) => listed.filter((refusal) => refusal.deviceId === deviceId);
  expect(of(bad)).toMatchObject([
    { applicationId: bad.applicationId, code: 'STATEWAY_MALFORMED_BODY', count: 3, address: '127.0.0.1' },
  ]);
  expect(of(forged)).toMatchObject([{ code: 'STATEWAY_TOKEN_REFUSED', count: 1, address: '127.0.0.1' }]);
  expect(of(socketed)).toMatchObject([{ code: 'STATEWAY_MALFORMED_BODY', count: 1 }]);
  expect(of(locked)).toMatchObject([{ code: 'STATEWAY_CREDENTIALS_REFUSED', message: expect.stringContaining('401') }]);
  expect(of(babbling)).toMatchObject([{ code: 'STATEWAY_MALFORMED_BODY', count: 1, address: '127.0.0.1' }]);
  expect(of(barred)).toMatchObject([{ code: 'STATEWAY_CREDENTIALS_REFUSED', count: 1, address: '127.0.0.1' }]);
  for (const device of site.devices) expect(happened(site, device.deviceId)).toHaveLength(1);

  const metrics = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(/^stateway_refusals_total\{code="STATEWAY_MALFORMED_BODY"\} 5$/m);
  expect(metrics).toMatch(/^stateway_refusals_total\{code="STATEWAY_TOKEN_REFUSED"\} 1$/m);
  expect(metrics).toMatch(/^stateway_refusals_total\{code="STATEWAY_CREDENTIALS_REFUSED"\} 2$/m);
  expect(metrics).not.toContain(bad.deviceId);
  const told = JSON.stringify([listed, site.proxy.log]);
  for (const secret of [token, 'made-up', 'not its secret']) expect(told).not.toContain(secret);
});

test('a scanner fills neither the log nor the list', async () => {
  const site = await openSite({ devices: 1 });
  const [device] = site.devices as [PlannedDevice];
  expect((await postState(site, device, 'made-up', { data: { n: 1 } })).status).toBe(401);
  for (let n = 0; n < 25; n++) {
    const path = `/applications/${device.applicationId}/devices/${n.toString(16).padStart(24, '0')}/state`;
    const answer = await fetch(site.proxy.url + path, { method: 'POST', headers: { authorization: 'Bearer x.y' } });
    await answer.text();
  }
  const { refusals } = (await (await fetch(`${site.proxy.adminUrl}/status`)).json()) as Status;
  expect(refusals.recent).toBeLessThanOrEqual(20);
  expect(site.proxy.log.filter(({ event }) => event === 'device-refused').length).toBeLessThanOrEqual(10);
});
