import type { MqttClient } from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { openSite, type Site, type SiteOptions, untilHeld } from '../helpers/bench-site.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { connectClient, mqttAddress, publishAcknowledged, stateTopic } from '../helpers/mqtt-clients.js';

const LISTEN = { STATEWAY_MQTT_LISTEN: '127.0.0.1:0' };

function openCommandSite(options: SiteOptions = {}): Promise<Site> {
  return openSite({ broker: async (url) => url, ...options, env: { ...LISTEN, ...options.env } });
}

function deviceOf(site: Site, index = 0): PlannedDevice {
  return site.devices[index] as PlannedDevice;
}

function commandTopic({ deviceId }: PlannedDevice): string {
  return `losant/${deviceId}/command`;
}

function tcpUrl(site: Site): string {
  return `mqtt://${mqttAddress(site.proxy)}`;
}

/** Waits until the broker has these subscriptions of a device. */
async function untilSubscribed(site: Site, { deviceId }: PlannedDevice, ...filters: string[]): Promise<void> {
  const held = () => [...(site.cloud.brokerDevice(deviceId)?.subscriptions ?? [])].sort();
  await expect.poll(held).toEqual(filters.sort());
}

async function subscribe(client: MqttClient, ...filters: string[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.subscribe(filters, (error, granted) => (error ? reject(error) : resolve(granted?.map(({ qos }) => qos))));
  });
}

function nextMessage(client: MqttClient): Promise<[string, string]> {
  return new Promise((resolve) => {
    client.once('message', (topic, payload) => resolve([topic, payload.toString('latin1')]));
  });
}

async function metric(site: Site, line: string): Promise<number> {
  const text = await (await fetch(`${site.proxy.adminUrl}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((candidate) => candidate.startsWith(`${line} `))
      ?.split(' ')
      .at(-1),
  );
}

test('payloads and topics pass byte for byte in both directions, in the spelling of the device', async () => {
  const site = await openCommandSite({ devices: 1 });
  const device = deviceOf(site);
  site.cloud.setAccess(device.deviceId, { filterType: 'all', deviceClass: 'edgeCompute' });
  const spelled = { ...device, deviceId: device.deviceId.toUpperCase() };
  const client = await connectClient('mqtt 5.16.0', tcpUrl(site), spelled);
  const agent = `losant/${spelled.deviceId}/toAgent/#`;
  expect(await subscribe(client, commandTopic(spelled), 'Plant/+/Go', agent)).toEqual([0, 0, 0]);
  await untilSubscribed(
    site,
    device,
    commandTopic(device),
    'Plant/+/Go',
    agent.toLowerCase().replace('toagent', 'toAgent'),
  );
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  for (const [sent, received] of [
    [commandTopic(device), commandTopic(spelled)],
    ['Plant/Ä/Go', 'Plant/Ä/Go'],
    [`losant/${device.deviceId}/toAgent/flows`, `losant/${spelled.deviceId}/toAgent/flows`],
  ] as const) {
    const message = nextMessage(client);
    expect(await site.cloud.publish(sent, Buffer.from(bytes))).toBe(1);
    expect(await message).toEqual([received, bytes.toString('latin1')]);
  }
  await publishAcknowledged(client, 'Plant/Ä/Is', 'up');
  await publishAcknowledged(client, `losant/${spelled.deviceId}/fromAgent/hello`, 'up');
  await expect.poll(() => site.cloud.broker().messagesUp).toBe(2);
  expect(site.cloud.broker().offences).toEqual({});
  expect(await metric(site, 'stateway_mqtt_publishes_total{result="upstream"}')).toBe(2);
});

test('a takeover keeps the session, and the newer connection has the commands', async () => {
  const site = await openCommandSite({ devices: 1 });
  const device = deviceOf(site);
  const first = await connectClient('mqtt 4.3.8', tcpUrl(site), device);
  await subscribe(first, commandTopic(device));
  await untilSubscribed(site, device, commandTopic(device));
  const second = await connectClient('mqtt 5.16.0', `${site.proxy.socketUrl}/`, device);
  await subscribe(second, commandTopic(device));
  const message = nextMessage(second);
  await site.cloud.sendCommand(device.deviceId, { name: 'go' });
  expect((await message)[0]).toBe(commandTopic(device));
  expect(site.cloud.brokerDevice(device.deviceId)).toMatchObject({ connected: true, accepted: 1 });
  // The proxy says good-bye to the broker, and ends in time.
  expect(await site.proxy.stop()).toBe(0);
  expect(site.cloud.brokerDevice(device.deviceId)).toMatchObject({ connected: false });
});

test('with a broker that says nothing devices have CONNACK, SUBACK and PUBACK at once', async () => {
  const site = await openCommandSite({
    devices: 1,
    broker: async (url) => {
      const line = await FaultProxy.start(url);
      onTestFinished(() => line.close());
      line.line = { kind: 'half-open' };
      return line.url.replace('http', 'mqtt');
    },
  });
  const device = deviceOf(site);
  const client = await connectClient('mqtt 4.3.8', tcpUrl(site), device);
  expect(await subscribe(client, commandTopic(device))).toEqual([0]);
  await publishAcknowledged(client, stateTopic(device), '{"data":{"n":1}}');
  await untilHeld(site, device, ({ records }) => records.length === 1);
  expect(await metric(site, 'stateway_uplink_sessions{state="waiting"}')).toBe(1);
  expect(await site.proxy.stop()).toBe(0);
});

test('a line to the broker that breaks ends the connection of no device, and when it is back commands come', async () => {
  let line: FaultProxy | undefined;
  const site = await openCommandSite({
    devices: 2,
    broker: async (url) => {
      const started = await FaultProxy.start(url);
      onTestFinished(() => started.close());
      line = started;
      return started.url.replace('http', 'mqtt');
    },
  });
  const [device, other] = [deviceOf(site), deviceOf(site, 1)];
  const client = await connectClient('mqtt 4.3.8', tcpUrl(site), device);
  await subscribe(client, commandTopic(device));
  await untilSubscribed(site, device, commandTopic(device));
  (line as unknown as FaultProxy).line = { kind: 'reset' };
  await expect.poll(() => metric(site, 'stateway_uplink_sessions{state="backoff"}')).toBe(1);
  await publishAcknowledged(client, stateTopic(device), '{"data":{"n":1}}');
  await untilHeld(site, device, ({ records }) => records.length === 1);
  (line as unknown as FaultProxy).line = { kind: 'sound' };
  // The first stays away for as long as a ban lasts, since its connection did not last; one that has not failed does not.
  const second = await connectClient('mqtt 5.16.0', tcpUrl(site), other);
  await subscribe(second, commandTopic(other));
  await untilSubscribed(site, other, commandTopic(other));
  const message = nextMessage(second);
  expect(await site.cloud.sendCommand(other.deviceId, { name: 'go' })).toBe(1);
  expect((await message)[0]).toBe(commandTopic(other));
  expect(client.connected).toBe(true);
  expect(await site.proxy.stop()).toBe(0);
});

test('a device that the broker refuses keeps its connection as long as its key is good, and sends states', async () => {
  const site = await openCommandSite({ devices: 1 });
  const device = deviceOf(site);
  site.cloud.setFaults([{ kind: 'refuse-connect', code: 5 }]);
  const client = await connectClient('mqtt 5.16.0', tcpUrl(site), device);
  await subscribe(client, commandTopic(device));
  await expect.poll(() => metric(site, 'stateway_uplink_sessions{state="refused"}')).toBe(1);
  await publishAcknowledged(client, stateTopic(device), '{"data":{"n":1}}');
  await untilHeld(site, device, ({ records }) => records.length === 1);
  expect(await metric(site, 'stateway_uplink_connects_total{result="credentials"}')).toBe(1);
  expect(await metric(site, 'stateway_mqtt_closes_total{reason="revoked"}')).toBe(0);
});

test('new sessions keep to the pace, and a device that waits for one sends states', async () => {
  const site = await openCommandSite({ devices: 3, env: { STATEWAY_MQTT_UPSTREAM_CONNECTS: '2/1h' } });
  for (let index = 0; index < 3; index++) {
    const client = await connectClient('mqtt 4.3.8', tcpUrl(site), deviceOf(site, index));
    await subscribe(client, commandTopic(deviceOf(site, index)));
    await publishAcknowledged(client, stateTopic(deviceOf(site, index)), '{"data":{"n":1}}');
  }
  await expect.poll(() => metric(site, 'stateway_uplink_sessions{state="connected"}')).toBe(2);
  expect(await metric(site, 'stateway_uplink_sessions{state="waiting"}')).toBe(1);
  await untilHeld(site, deviceOf(site, 2), ({ records }) => records.length === 1);
  expect(site.cloud.broker()).toMatchObject({ accepted: 2, maxConnectsInWindow: 2 });
});

test('no key goes to a broker that is not named: beside another cloud than the default there are no commands', async () => {
  const site = await openCommandSite({ devices: 1, broker: async () => undefined });
  const device = deviceOf(site);
  expect(site.proxy.log.filter(({ event }) => event === 'no-commands')).toHaveLength(1);
  const client = await connectClient('mqtt 4.3.8', tcpUrl(site), device);
  expect(await subscribe(client, commandTopic(device))).toEqual([0]);
  await publishAcknowledged(client, stateTopic(device), '{"data":{"n":1}}');
  await untilHeld(site, device, ({ records }) => records.length === 1);
  expect(site.cloud.broker()).toMatchObject({ accepted: 0, refused: {} });
});
