import { expect, onTestFinished, test } from 'vitest';
import { Arrivals } from '../helpers/arrivals.js';
import { openSite, type Site, untilHeld } from '../helpers/bench-site.js';
import { createClient, type EventStream } from '../helpers/losant-client.js';
import { sharedByTests } from '../helpers/test-scope.js';

/** Each test has a device of its own, and none leaves anything else behind. */
const shared = sharedByTests(() => openSite({ devices: 5 }));

async function loggedIn(site: Site, index = 0) {
  const device = site.devices[index];
  if (device?.credentials === undefined) throw new Error('the site has no device that can log in');
  const client = createClient({ url: site.proxy.url });
  const { token, applicationId } = await client.auth.authenticateDevice({
    credentials: { deviceId: device.deviceId, ...device.credentials },
  });
  client.setOption('accessToken', token);
  const send = (deviceState: unknown) =>
    client.device.sendState({ deviceId: device.deviceId, applicationId, deviceState });
  return { client, device, send, applicationId };
}

/** What the client rejects with. */
interface LosantError {
  readonly statusCode: number;
  readonly type: string;
  readonly message: string;
}

async function refusal(call: Promise<unknown>): Promise<LosantError> {
  return call.then(
    () => {
      throw new Error('the call was not refused');
    },
    (error: LosantError) => error,
  );
}

test('the real client logs in, sends a state and an array, and the cloud holds exactly those values', async () => {
  const site = shared();
  const { device, send } = await loggedIn(site, 0);
  const now = Date.now();

  expect(await send({ time: now, data: { temperature: 21.5, status: 'sun', on: true } })).toEqual({ success: true });
  expect(
    await send([
      { time: now + 1, data: { temperature: 22 } },
      { time: now + 2, data: { temperature: -0.1 } },
    ]),
  ).toEqual({ success: true });

  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 3);
  expect(records.map(({ timeMs, data }) => ({ timeMs, data }))).toEqual([
    { timeMs: now, data: { temperature: 21.5, status: 'sun', on: true } },
    { timeMs: now + 1, data: { temperature: 22 } },
    { timeMs: now + 2, data: { temperature: -0.1 } },
  ]);
});

test('every form of time that the cloud reads arrives as the same instant', async () => {
  // Far from UTC, so that a time without a zone shows whether the machine's own zone is used.
  const site = await openSite({ env: { TZ: 'Asia/Tokyo' } });
  const { device, send } = await loggedIn(site);
  const base = Math.floor(Date.now() / 1000) * 1000 - 60_000;
  const iso = new Date(base).toISOString();

  await send([
    { time: iso, data: { form: 'iso' } },
    { time: new Date(base + 1000).toISOString().replace('Z', ''), data: { form: 'iso without a zone' } },
    { time: (base + 2000) / 1000, data: { form: 'seconds' } },
    { time: base + 3000, data: { form: 'milliseconds' } },
    { time: { $date: new Date(base + 4000).toISOString() }, data: { form: '$date' } },
    { time: new Date(base + 5000).toUTCString(), data: { form: 'RFC 1123' } },
    { time: new Date(base + 6000).toISOString().replace('Z', '+00:00'), data: { form: 'offset' } },
  ]);
  const before = Date.now();
  await send({ time: -600_000, data: { form: 'relative' } });
  await send({ time: 'no time at all', data: { form: 'unparseable' } });
  await send({ data: { form: 'none' } });
  const after = Date.now();

  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 10);
  const timeOf = (form: string) => records.find(({ data }) => data.form === form)?.timeMs ?? Number.NaN;
  expect(
    ['iso', 'iso without a zone', 'seconds', 'milliseconds', '$date', 'RFC 1123', 'offset'].map(
      (form) => timeOf(form) - base,
    ),
  ).toEqual([0, 1000, 2000, 3000, 4000, 5000, 6000]);
  expect(timeOf('relative')).toBeGreaterThanOrEqual(before - 600_000);
  expect(timeOf('relative')).toBeLessThanOrEqual(after - 600_000);
  for (const form of ['unparseable', 'none']) {
    expect(timeOf(form)).toBeGreaterThanOrEqual(before);
    expect(timeOf(form)).toBeLessThanOrEqual(after + 1);
  }
});

test('refusals reach the real client with the status and type of the cloud', async () => {
  const site = shared();
  const { client, device, send, applicationId } = await loggedIn(site, 1);
  const other = site.devices[2];

  expect(await refusal(send({ data: { 'bad name': 1 } }))).toMatchObject({
    statusCode: 400,
    type: 'Validation',
    message: expect.stringContaining('bad name'),
  });
  expect(await refusal(send([{ data: { a: 1 } }, { data: { a: null } }]))).toMatchObject({
    statusCode: 400,
    type: 'Validation',
    message: expect.stringContaining('[1].data.a'),
  });
  expect(
    await refusal(
      client.device.sendState({ deviceId: other?.deviceId, applicationId, deviceState: { data: { a: 1 } } }),
    ),
  ).toMatchObject({ statusCode: 403, type: 'Forbidden' });
  expect(
    await refusal(
      client.auth.authenticateDevice({ credentials: { deviceId: device.deviceId, key: 'wrong', secret: 'wrong' } }),
    ),
  ).toMatchObject({ statusCode: 401, type: 'Unauthorized' });
  const anonymous = createClient({ url: site.proxy.url });
  expect(
    await refusal(
      anonymous.device.sendState({ deviceId: device.deviceId, applicationId, deviceState: { data: { a: 1 } } }),
    ),
  ).toMatchObject({ statusCode: 401, type: 'Unauthorized' });

  for (const each of [device, other]) expect(site.cloud.ledger(String(each?.deviceId))?.states).toBe(0);
});

/** Events of a stream by name, in order; the stream is closed when the running test is over. */
function eventsOf(stream: EventStream, name: string): Arrivals<unknown> {
  const events = new Arrivals<unknown>();
  stream.addEventListener(name, ({ data }) => events.add(JSON.parse(data)));
  onTestFinished(() => stream.close());
  return events;
}

test('the real client reads its device and its states through the proxy, and they are what it sent', async () => {
  const site = shared();
  const { client, device, send, applicationId } = await loggedIn(site, 3);
  const ids = { deviceId: device.deviceId, applicationId };
  const time = Date.now();
  await send([
    { time: time - 1, data: { temperature: 20, on: false } },
    { time, data: { temperature: 21.5 } },
  ]);
  await untilHeld(site, device, (ledger) => ledger.records.length === 2);

  expect(await client.device.get(ids)).toMatchObject({ id: device.deviceId, applicationId, name: device.name });
  const newest = { time: new Date(time).toISOString(), data: { temperature: 21.5 } };
  expect(await client.device.getState(ids)).toEqual([newest]);
  expect(await client.device.getState({ ...ids, limit: 10, since: time - 1 })).toHaveLength(2);
  expect(await client.device.getCompositeState(ids)).toEqual({
    temperature: { value: 21.5, time: newest.time },
    on: { value: false, time: new Date(time - 1).toISOString() },
  });
  expect(await refusal(client.device.get({ ...ids, deviceId: site.devices[1]?.deviceId }))).toMatchObject({
    statusCode: 403,
    type: 'Forbidden',
  });
});

test('the real client sends and reads commands, and listens to commands and states, through the proxy', async () => {
  const site = shared();
  const { client, device, send, applicationId } = await loggedIn(site, 4);
  const ids = { deviceId: device.deviceId, applicationId };
  const commands = eventsOf(await client.device.commandStream({ ...ids, keepAliveInterval: 1 }), 'deviceCommand');
  const states = eventsOf(await client.device.stateStream(ids), 'deviceState');

  const command = { name: 'open', payload: { valve: 3 } };
  expect(await client.device.sendCommand({ ...ids, deviceCommand: command })).toEqual({ success: true });
  expect(await commands.next()).toMatchObject(command);
  expect(await client.device.getCommand(ids)).toMatchObject([command]);
  const state = { time: Date.now(), data: { valve: 3 } };
  await send(state);
  expect(await states.next()).toEqual(state);
});
