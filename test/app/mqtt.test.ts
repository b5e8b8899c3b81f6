import { readFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/core/time/clock.js';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { ANSWER_TIMEOUT_MS } from '../../src/upstream/patience.js';
import { openSite, type Site, status, untilHeld } from '../helpers/bench-site.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { MovedClock } from '../helpers/moved-clock.js';
import {
  connectClient,
  connectPacket,
  MQTT_CLIENTS,
  mqttAddress,
  mqttPort,
  publishAcknowledged,
  publishPacket,
  RawMqtt,
  reconnectingClient,
  stateTopic,
} from '../helpers/mqtt-clients.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { makeCertificate } from '../upstream/test-servers.js';

const LISTEN = { STATEWAY_MQTT_LISTEN: '127.0.0.1:0' };
const VERSIONS = Object.keys(MQTT_CLIENTS) as (keyof typeof MQTT_CLIENTS)[];

function deviceOf(site: Site, index = 0): PlannedDevice {
  return site.devices[index] as PlannedDevice;
}

async function metric(site: Site, line: string): Promise<number> {
  const text = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `));
  return Number(found?.split(' ').at(-1));
}

/** Shakes hands as a client that does not trust the certificate does; resolves when its connection is over. */
function distrust(address: string): Promise<void> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    connectTls({ host, port: Number(port), servername: 'localhost' })
      .on('error', () => {})
      .on('close', () => resolve());
  });
}

/** Sends ten states at QoS 1 and one at QoS 0, and looks for them in the cloud. */
async function sendStates(
  site: Site,
  device: PlannedDevice,
  version: (typeof VERSIONS)[number],
  url: string,
  options = {},
) {
  const client = await connectClient(version, url, device, options);
  const granted = await new Promise((resolve, reject) => {
    client.subscribe(`losant/${device.deviceId}/command`, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  expect(granted).toEqual([{ topic: `losant/${device.deviceId}/command`, qos: 0 }]);
  const time = Date.now() - 60_000;
  const payload = (n: number) =>
    JSON.stringify({ time: { $date: new Date(time + n).toISOString() }, data: { n, gone: null } });
  client.publish(stateTopic(device), payload(0), { qos: 0 });
  for (let n = 1; n <= 10; n++) await publishAcknowledged(client, stateTopic(device), payload(n));
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length >= 11);
  expect(records.map(({ timeMs, data }) => [timeMs - time, data])).toEqual(
    Array.from({ length: 11 }, (_, n) => [n, { n }]),
  );
  await client.endAsync?.();
}

test('states of either version of mqtt.js arrive over TCP, and over a WebSocket at any path', async () => {
  const site = await openSite({ env: LISTEN, devices: 4 });
  let device = 0;
  for (const version of VERSIONS) {
    await sendStates(site, deviceOf(site, device++), version, `mqtt://${mqttAddress(site.proxy)}`);
    await sendStates(site, deviceOf(site, device++), version, `${site.proxy.socketUrl}/any/path`);
  }
  for (const transport of ['mqtt', 'mqtt-ws']) {
    const accepted = `stateway_states_received_total{transport="${transport}",result="accepted"}`;
    expect(await metric(site, accepted)).toBe(22);
  }
  expect(await metric(site, 'stateway_mqtt_connects_total{result="accepted"}')).toBe(4);
  expect(await metric(site, 'stateway_attributes_left_out_total')).toBe(44);
});

test('states of either version of mqtt.js arrive over TLS, and over a WebSocket on it', async () => {
  // By a name, as devices have it: a client that connects to an address sends none in its handshake. No system has to know it.
  const { certFile, keyFile } = makeCertificate(temporaryDirectory(), 'DNS:localhost');
  const site = await openSite({
    env: {
      STATEWAY_MQTT_TLS_LISTEN: '127.0.0.1:0',
      STATEWAY_TLS_CERT_FILE: certFile,
      STATEWAY_TLS_KEY_FILE: keyFile,
    },
    devices: 4,
  });
  const ca = readFileSync(certFile);
  const trusting = { ca, servername: 'localhost' };
  const secure = mqttAddress(site.proxy, 'mqttTlsListen');
  const socketUrl = site.proxy.socketUrl.replace('ws://', 'wss://');
  let device = 0;
  for (const version of VERSIONS) {
    await sendStates(site, deviceOf(site, device++), version, `mqtts://${secure}`, trusting);
    await sendStates(site, deviceOf(site, device++), version, socketUrl, { wsOptions: trusting });
  }
  // Beyond a hundred, whoever does not trust the certificate and comes again at once has ten handshakes a second.
  const startedAtMs = performance.now();
  for (let tries = 0; tries < 115; tries++) await distrust(secure);
  expect(performance.now() - startedAtMs).toBeGreaterThan(1_300);
});

test('with a line that carries nothing, and after a kill, a known device has its CONNACK at once and its PUBACK; the state arrives later', async () => {
  let line: FaultProxy | undefined;
  const site = await openSite({
    env: LISTEN,
    line: async (cloudUrl) => {
      const started = await FaultProxy.start(cloudUrl);
      onTestFinished(() => started.close());
      line = started;
      return started.url;
    },
  });
  const device = deviceOf(site);
  const first = await RawMqtt.open(mqttPort(site.proxy));
  await first.send(connectPacket(device));
  expect(await first.next()).toMatchObject({ cmd: 'connack', returnCode: 0 });
  await expect.poll(async () => (await status(site)).kept).toEqual({ grants: 1, logIns: 1, unwritten: 0 });
  await site.proxy.kill();
  (line as FaultProxy).line = { kind: 'half-open' };
  await site.restart();
  const second = await RawMqtt.open(mqttPort(site.proxy));
  const startedAtMs = performance.now();
  await second.send(connectPacket(device));
  expect(await second.next()).toMatchObject({ cmd: 'connack', returnCode: 0 });
  expect(performance.now() - startedAtMs).toBeLessThan(ANSWER_TIMEOUT_MS / 3);
  // Nor was the cloud asked in vain before: that is counted as `offline`.
  expect(await metric(site, 'stateway_token_cache_total{result="offline"}')).toBe(0);
  const payload = `{"data":{"offline":true},"time":${Date.now()}}`;
  await second.send(publishPacket(device, payload, 5));
  expect(await second.next()).toMatchObject({ cmd: 'puback', messageId: 5 });
  // What hangs is cut, so that nothing waits for it to be given up.
  (line as FaultProxy).line = { kind: 'reset' };
  (line as FaultProxy).line = { kind: 'sound' };
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length > 0);
  expect(records).toMatchObject([{ data: { offline: true }, deliveries: 1 }]);
});

test('killed between commit and PUBACK, either version of mqtt.js sends again, and the cloud has each state once', async () => {
  const site = await openSite({ env: LISTEN, devices: 2 });
  const states = Array.from({ length: 300 }, (_, n) => JSON.stringify({ time: Date.now() + n, data: { n } }));
  const devices = VERSIONS.map((version, index) => {
    const device = deviceOf(site, index);
    const client = reconnectingClient(version, () => mqttPort(site.proxy), device);
    const settled = states.map((state) => publishAcknowledged(client, stateTopic(device), state));
    return { device, settled };
  });
  await Promise.all(devices.map(({ settled }) => settled[0]));
  await site.proxy.kill();
  await site.restart();
  for (const { device, settled } of devices) {
    await Promise.all(settled);
    const { records } = await untilHeld(site, device, (ledger) => ledger.records.length >= states.length);
    expect(records.map(({ data }) => data.n)).toEqual(states.map((_state, n) => n));
  }
});

test('through hours without the cloud a connection is kept and acknowledged, and all of it arrives in order', async () => {
  const hours = 12;
  const clock = new MovedClock();
  const site = await openSite({
    env: { ...LISTEN, ...clock.env },
    cloud: { clock: { ...systemClock, wallMs: () => clock.nowMs() } },
  });
  const device = deviceOf(site);
  const client = await connectClient('mqtt 4.3.8', `mqtt://${mqttAddress(site.proxy)}`, device);
  site.cloud.setFaults([{ kind: 'outage' }]);
  for (let hour = 0; hour < hours; hour++) {
    clock.offByMs = hour * 3_600_000;
    await publishAcknowledged(client, stateTopic(device), JSON.stringify({ time: clock.nowMs(), data: { hour } }));
  }
  // What it says of the time is by the same clock.
  site.cloud.setFaults([{ kind: 'skew-date', skewMs: 0 }]);
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length >= hours);
  expect(records.map(({ data, deliveries }) => [data.hour, deliveries])).toEqual(
    Array.from({ length: hours }, (_, hour) => [hour, 1]),
  );
  expect(client.connected).toBe(true);
});

test('wrong credentials are told 5 after a hold, and a storm of them costs one socket a second', async () => {
  const site = await openSite({ env: LISTEN });
  const device = deviceOf(site);
  const wrong = connectPacket(device, { password: Buffer.from('wrong') });
  let connections = 0;
  const startedAtMs = performance.now();
  while (performance.now() - startedAtMs < 3_000) {
    const raw = await RawMqtt.open(mqttPort(site.proxy));
    connections++;
    await raw.send(wrong);
    expect(await raw.next()).toMatchObject({ cmd: 'connack', returnCode: 5 });
    await raw.closed;
  }
  expect(connections).toBeLessThanOrEqual(3);
});

test('what is no state is acknowledged, and sixty of them an hour are kept as dead letters over a kill', async () => {
  const site = await openSite({ env: LISTEN });
  const device = deviceOf(site);
  const raw = await RawMqtt.open(mqttPort(site.proxy));
  await raw.send(connectPacket(device));
  await raw.next();
  const ids = Array.from({ length: 65 }, (_, i) => i + 1);
  await raw.send(...ids.map((id) => publishPacket(device, '{"data":{"x":NaN}}', id)));
  for (const messageId of ids) expect(await raw.next()).toMatchObject({ cmd: 'puback', messageId });
  expect(await metric(site, 'stateway_mqtt_publishes_total{result="not_kept"}')).toBe(5);
  await expect.poll(() => site.proxy.log.map(({ event }) => event)).toContain('mqtt-letters-not-kept');
  await site.proxy.kill();
  await site.restart();
  const { spool } = await status(site);
  expect(spool.deadLetters).toBe(60);
});

test('while the spool is full nothing more is acknowledged, and when there is room all is, in order', async () => {
  const site = await openSite({ env: { ...LISTEN, STATEWAY_MAX_SPOOL_BYTES: '64KiB' } });
  const device = deviceOf(site);
  const raw = await RawMqtt.open(mqttPort(site.proxy));
  await raw.send(connectPacket(device));
  await raw.next();
  site.cloud.setFaults([{ kind: 'outage' }]);
  const text = 'x'.repeat(8_000);
  const publish = (n: number) => publishPacket(device, JSON.stringify({ data: { n, text } }), n);
  const isFull = async () => (await fetch(`${site.proxy.adminUrl}/readyz`)).status === 503;
  let taken = 0;
  do {
    await raw.send(publish(++taken));
    expect(await raw.next()).toMatchObject({ cmd: 'puback', messageId: taken });
  } while (!(await isFull()));

  const waiting = Array.from({ length: 20 }, (_, i) => taken + 1 + i);
  await raw.send(...waiting.map(publish));
  const unavailable = 'stateway_states_received_total{transport="mqtt",result="unavailable"}';
  await expect.poll(() => metric(site, unavailable)).toBeGreaterThan(0);
  expect(raw.unread).toEqual([]);
  site.cloud.setFaults([]);
  for (const messageId of waiting) expect(await raw.next()).toMatchObject({ cmd: 'puback', messageId });
  const all = taken + waiting.length;
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length >= all);
  expect(records.map(({ data }) => data.n)).toEqual(Array.from({ length: all }, (_, i) => i + 1));
});

test('the newest connection of a device takes over, from TCP to a WebSocket', async () => {
  const site = await openSite({ env: LISTEN });
  const device = deviceOf(site);
  const first = await RawMqtt.open(mqttPort(site.proxy));
  await first.send(
    connectPacket(device, {
      will: { topic: stateTopic(device), payload: Buffer.from('{"data":{"will":1}}'), qos: 0, retain: false },
    }),
  );
  expect(await first.next()).toMatchObject({ returnCode: 0 });
  const second = await connectClient('mqtt 4.3.8', site.proxy.socketUrl, device);
  await first.closed;
  await publishAcknowledged(second, stateTopic(device), '{"data":{"second":2}}');
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length >= 2);
  expect(records.map(({ data }) => data)).toEqual([{ will: 1 }, { second: 2 }]);
});

test('SIGTERM answers what was read, and ends in time', async () => {
  const site = await openSite({ env: LISTEN });
  const device = deviceOf(site);
  const raw = await RawMqtt.open(mqttPort(site.proxy));
  await raw.send(connectPacket(device));
  await raw.next();
  await raw.send(...Array.from({ length: 200 }, (_, i) => publishPacket(device, `{"data":{"n":${i}}}`, i + 1)));
  expect(await raw.next()).toMatchObject({ cmd: 'puback', messageId: 1 });
  const stopped = site.proxy.stop();
  await raw.closed;
  expect(await stopped).toBe(0);
  const acknowledged = raw.unread.map((packet) => packet.messageId);
  expect(acknowledged).toEqual(acknowledged.map((_, i) => i + 2));
  await site.restart();
  const { records } = await untilHeld(site, device, ({ records: held }) => held.length > acknowledged.length);
  expect(records.slice(0, acknowledged.length + 1).map(({ data }) => data.n)).toEqual([
    0,
    ...acknowledged.map((_, i) => i + 1),
  ]);
});
