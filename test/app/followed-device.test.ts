import { once } from 'node:events';
import { WebSocket } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, statePath } from '../helpers/bench-site.js';

const SECRET_VALUE = 'a value that nobody may read';

const stepsOf = ({ proxy }: Site) => proxy.log.filter(({ event }) => event === 'device-step');
const namesOf = (site: Site) => stepsOf(site).map(({ step }) => step);

test('the log follows the states of one device through all steps, at any level of the log, without values and tokens', async () => {
  const devices = 2;
  const site = await openSite({ devices });
  const [followed, other] = site.devices as [PlannedDevice, PlannedDevice];
  expect(stepsOf(site)).toEqual([]);
  await site.proxy.stop();
  await site.restart({ STATEWAY_DEBUG_DEVICE: followed.deviceId.toUpperCase(), STATEWAY_LOG_LEVEL: 'info' });
  expect(site.proxy.log).toContainEqual(
    expect.objectContaining({ event: 'devices-followed', devices: [followed.deviceId] }),
  );

  const tokens = [await logIn(site, followed), await logIn(site, other)] as const;
  expect((await postState(site, other, tokens[1], { data: { n: 1 } })).status).toBe(200);
  const body = JSON.stringify([{ data: { text: SECRET_VALUE } }, { time: 1, data: { text: SECRET_VALUE } }]);
  expect((await postState(site, followed, tokens[0], body)).status).toBe(200);
  await expect.poll(() => namesOf(site), { timeout: 20_000 }).toContain('settled');
  expect(namesOf(site)).toEqual(['arrived', 'stored', 'queued', 'sent', 'answered', 'settled']);
  const [arrived, stored, queued, sent, answered, settled] = stepsOf(site);
  expect(arrived).toMatchObject({ level: 'debug', deviceId: followed.deviceId, transport: 'http', bytes: body.length });
  expect(stored).toMatchObject({ states: 2, record: expect.any(Number) });
  expect(queued?.record).toBe(stored?.record);
  expect(sent).toMatchObject({ attempt: 1, states: 2, bytes: expect.any(Number) });
  expect(answered).toMatchObject({ status: 200, tookMs: expect.any(Number) });
  expect(settled).toMatchObject({ states: 2 });

  const headers = { authorization: `Bearer ${tokens[0]}` };
  const socket = new WebSocket(site.proxy.socketUrl + statePath(followed), { headers });
  onTestFinished(() => socket.close());
  await once(socket, 'open');
  socket.send('no JSON');
  await once(socket, 'message');
  await expect.poll(() => namesOf(site)).toContain('refused');
  expect(stepsOf(site).slice(6)).toMatchObject([
    { step: 'arrived', transport: 'websocket', bytes: 7 },
    { step: 'refused', code: 'STATEWAY_MALFORMED_BODY', address: '127.0.0.1' },
  ]);
  const told = JSON.stringify(site.proxy.log);
  for (const secret of [SECRET_VALUE, ...tokens]) expect(told).not.toContain(secret);
});

test('what a refused request belongs to stands in the log, if it has the form of that', async () => {
  const site = await openSite({ devices: 2 });
  const [one, two] = site.devices as [PlannedDevice, PlannedDevice];
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const refused = ({ deviceId }: PlannedDevice) =>
    site.proxy.log.find((line) => line.event === 'device-refused' && line.deviceId === deviceId);
  const headers = { traceparent, 'x-request-id': 'req/17' };
  expect((await postState(site, one, 'made-up', { data: { n: 1 } }, headers)).status).toBe(401);
  await expect.poll(() => refused(one)).toMatchObject({ traceparent, requestId: 'req/17' });
  const odd = { traceparent: 'x', 'x-request-id': 'two "words"' };
  expect((await postState(site, two, 'made-up', { data: { n: 1 } }, odd)).status).toBe(401);
  await expect.poll(() => refused(two)).toMatchObject({ code: 'STATEWAY_TOKEN_REFUSED' });
  expect(Object.keys(refused(two) ?? {})).not.toEqual(expect.arrayContaining(['traceparent']));
  expect(Object.keys(refused(two) ?? {})).not.toEqual(expect.arrayContaining(['requestId']));
});
