import type { IPublishPacket } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { BrokerSite, credentialsOf, next, publishOf, until } from './broker-site.js';

const site = new BrokerSite();

describe('states by MQTT', () => {
  it.each([0, 1] as const)('of QoS %i are in the same ledger as those by REST', async (qos) => {
    const client = await site.client();
    const time = site.clock.wallMs();
    await client.publishAsync(site.stateTopic, JSON.stringify({ time, data: { temperature: 1 } }), { qos });
    await client.publishAsync(site.stateTopic, JSON.stringify([{ time: time + 1, data: { temperature: 2 } }]), { qos });
    // The broker takes packets in their order: with this answer the two before it are in.
    await client.subscribeAsync(site.commandTopic);
    await site.send(site.device, await site.tokenOf(site.device), { time: time + 2, data: { temperature: 3 } });
    expect(site.cloud.ledger(site.device.deviceId)).toMatchObject({
      posts: 1,
      states: 3,
      records: [1, 2, 3].map((temperature, index) => ({ timeMs: time + index, data: { temperature } })),
    });
    expect(site.cloud.broker()).toMatchObject({ messagesUp: 2, statesRefused: 0, maxMessagesInWindow: 2 });
  });

  it('that are none are acknowledged and dropped', async () => {
    const client = await site.client();
    for (const payload of ['not JSON', '{"data":{"a":null}}', '7', '']) {
      await client.publishAsync(site.stateTopic, payload, { qos: 1 });
    }
    expect(site.cloud.broker()).toMatchObject({ connected: 1, messagesUp: 4, statesRefused: 4 });
    expect(site.cloud.summary().states).toBe(0);
  });

  it('of a peripheral come by its gateway', async () => {
    const client = await site.client(site.gateway);
    await client.publishAsync(`losant/${site.peripheral.deviceId}/state`, '{"data":{"a":1}}', { qos: 1 });
    expect(site.cloud.ledger(site.peripheral.deviceId)?.states).toBe(1);
  });

  it('are in the ledger as a will, when the connection breaks and not when it ends', async () => {
    const will = { topic: site.stateTopic, payload: Buffer.from('{"data":{"status":"lost"}}'), qos: 1 } as const;
    const leaving = await site.client(site.device, { will });
    await leaving.endAsync();
    const broken = await site.client(site.device, { will });
    broken.stream.destroy();
    await until(() => site.cloud.summary().states === 1);
    expect(site.cloud.broker()).toMatchObject({ connected: 0, messagesUp: 1 });
  });
});

it('a will is taken though its device has used up what it may send, and is no offence', async () => {
  const raw = await site.raw();
  const will = {
    topic: site.stateTopic,
    payload: Buffer.from('{"data":{"status":"lost"}}'),
    qos: 1,
    retain: false,
  } as const;
  await site.connect(raw, { will });
  const packets = Array.from({ length: 30 }, (_, n) =>
    publishOf(site.stateTopic, '{"data":{"a":1}}', { messageId: n + 1 }),
  );
  raw.send(...packets);
  for (const _packet of packets) await raw.next();
  raw.socket.destroy();
  await until(() => site.cloud.summary().states === 31);
  expect(site.cloud.broker()).toMatchObject({ offences: {}, maxMessagesInWindow: 30 });
  expect(site.cloud.brokerDevice(site.device.deviceId)?.bannedForMs).toBe(0);
});

describe('a log-in', () => {
  it('needs the id, the key and the secret of one device, and MQTT 3.1.1 as the cloud has it', async () => {
    const other = credentialsOf(site.devices[1] as typeof site.device);
    const answers = {
      good: await site.connect(await site.raw()),
      upperCase: await site.connect(await site.raw(), { clientId: site.device.deviceId.toUpperCase() }),
      otherSecret: await site.connect(await site.raw(), { password: Buffer.from(other.password) }),
      otherDevice: await site.connect(await site.raw(), { clientId: other.clientId }),
      peripheral: await site.connect(await site.raw(), { clientId: site.peripheral.deviceId }),
      stranger: await site.connect(await site.raw(), { clientId: 'f'.repeat(24) }),
      noId: await site.connect(await site.raw(), { clientId: 'sensor' }),
      noPassword: await site.connect(await site.raw(), { username: undefined, password: undefined } as never),
      version5: await site.connect(await site.raw(), { protocolVersion: 5 }),
      notClean: await site.connect(await site.raw(), { clean: false }),
    };
    expect(answers).toEqual({
      good: 0,
      upperCase: 0,
      otherSecret: 5,
      otherDevice: 5,
      peripheral: 5,
      stranger: 5,
      noId: 2,
      noPassword: 4,
      version5: 1,
      notClean: 'closed',
    });
    expect(site.cloud.broker().refused).toEqual({
      credentials: 5,
      identifier: 1,
      protocol: 1,
      'clean-session': 1,
    });
  });

  it('takes the connection of the same device over, whatever the case of its id', async () => {
    const first = await site.client();
    await site.client(site.device, { clientId: site.device.deviceId.toUpperCase() });
    await next(first, 'close');
    expect(site.cloud.broker()).toMatchObject({ connected: 1, accepted: 2 });
  });

  it('is refused to a key that was revoked, and to a device that is removed, whose connections end', async () => {
    const removed = site.devices[1] as typeof site.device;
    const clients = [await site.client(), await site.client(removed)];
    const closes = Promise.all(clients.map((client) => next(client, 'close')));
    await site.request('POST', '/_simulator/revoke', undefined, { deviceId: site.device.deviceId, key: true });
    await site.request('POST', '/_simulator/remove', undefined, { deviceId: removed.deviceId });
    await closes;
    expect(await site.connect(await site.raw())).toBe(5);
    expect((await site.logIn(site.device)).status).toBe(401);
  });

  it('is refused beyond 300 of one application in 15 s, whoever they are of', async () => {
    const password = Buffer.from('wrong');
    for (let n = 0; n < 300; n++) expect(await site.connect(await site.raw(), { password })).toBe(5);
    expect(await site.connect(await site.raw())).toBe(3);
    await site.clock.advance(15_000);
    expect(await site.connect(await site.raw())).toBe(0);
    expect(site.cloud.broker()).toMatchObject({ maxConnectsInWindow: 301, refused: { 'too-many-connections': 1 } });
  });
});

describe('the connection is closed, without a PUBACK, for', () => {
  const GOOD = '{"data":{"a":1}}';
  it.each<[string, string, () => IPublishPacket]>([
    ['QoS 2', 'qos', () => publishOf(site.stateTopic, GOOD, { qos: 2 })],
    ['a retained message', 'retain', () => publishOf(site.stateTopic, GOOD, { retain: true })],
    ['more than 256 KB', 'size', () => publishOf(site.stateTopic, 'x'.repeat(262_145))],
    ['the topic of another device', 'topic', () => publishOf(`losant/${site.gateway.deviceId}/state`, GOOD)],
    ['a topic of the platform', 'topic', () => publishOf('losant/other', GOOD)],
    ['a custom topic', 'topic', () => publishOf('plant/line', GOOD)],
  ])('%s', async (_what, offence, packet) => {
    const raw = await site.raw();
    await site.connect(raw);
    raw.send(packet(), publishOf(site.stateTopic, GOOD));
    expect(await raw.rest()).toEqual([]);
    expect(site.cloud.broker()).toMatchObject({ messagesUp: 0, offences: { [offence]: 1 } });
    expect(site.cloud.summary().states).toBe(0);
    // None of these is punished with a ban.
    expect(await site.connect(await site.raw())).toBe(0);
  });

  it('the 31st message to a topic in 15 s, also over two connections, with a ban that doubles', async () => {
    const burst = async (count: number): Promise<number> => {
      const raw = await site.raw();
      if ((await site.connect(raw)) !== 0) return -1;
      raw.send(...Array.from({ length: count }, (_, n) => publishOf(site.stateTopic, GOOD, { messageId: n + 1 })));
      // No more comes by itself, but that it is closed.
      let acknowledged = 0;
      while (acknowledged < count && (await raw.next()) !== 'closed') acknowledged++;
      raw.socket.destroy();
      return acknowledged;
    };
    expect(await burst(20)).toBe(20);
    expect(await burst(11)).toBe(10);
    expect(site.cloud.brokerDevice(site.device.deviceId)).toMatchObject({ connected: false, bannedForMs: 30_000 });
    await site.clock.advance(29_999);
    expect(await site.connect(await site.raw())).toBe('closed');
    await site.clock.advance(1);
    expect(await burst(30)).toBe(30);
    expect(await burst(1)).toBe(0);
    expect(site.cloud.brokerDevice(site.device.deviceId)?.bannedForMs).toBe(60_000);
    await site.clock.advance(60_000 + 900_000);
    expect(await burst(31)).toBe(30);
    expect(site.cloud.brokerDevice(site.device.deviceId)?.bannedForMs).toBe(30_000);
    expect(site.cloud.broker()).toMatchObject({ maxMessagesInWindow: 31, offences: { 'topic-rate': 3 } });
    expect(site.cloud.broker().refused).toEqual({ banned: 1 });
  });

  it('the 301st message of a connection in 15 s, whatever the topics', async () => {
    site.cloud.setAccess(site.device.deviceId, { filterType: 'all' });
    const raw = await site.raw();
    await site.connect(raw);
    const packets = Array.from({ length: 301 }, (_, n) => publishOf(`plant/${n % 20}`, 'x', { messageId: n + 1 }));
    raw.send(...packets);
    expect(await raw.rest()).toHaveLength(300);
    expect(site.cloud.broker().offences).toEqual({ 'connection-rate': 1 });
    expect(site.cloud.brokerDevice(site.device.deviceId)?.bannedForMs).toBe(30_000);
  });
});

describe('subscriptions', () => {
  it('are granted at QoS 0 to what the key allows, and refused with 0x80', async () => {
    const raw = await site.raw();
    await site.connect(raw, {
      ...credentialsOf(site.gateway),
      password: Buffer.from(credentialsOf(site.gateway).password),
    });
    const own = `losant/${site.gateway.deviceId}/command`;
    const ofPeripheral = `losant/${site.peripheral.deviceId}/command`;
    const topics = [own, ofPeripheral, site.commandTopic, '#', 'plant/line'];
    raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: topics.map((topic) => ({ topic, qos: 0 })) });
    expect(await raw.next()).toMatchObject({ cmd: 'suback', granted: [0, 0, 128, 128, 128] });
    raw.send({ cmd: 'subscribe', messageId: 2, subscriptions: [{ topic: own, qos: 1 }] });
    expect(await raw.next()).toMatchObject({ cmd: 'suback', granted: [128] });
    expect(site.cloud.brokerDevice(site.gateway.deviceId)?.subscriptions).toEqual([own, ofPeripheral]);
    raw.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: [own] });
    expect(await raw.next()).toMatchObject({ cmd: 'unsuback' });
    expect(site.cloud.brokerDevice(site.gateway.deviceId)?.subscriptions).toEqual([ofPeripheral]);
    expect(site.cloud.broker().subscriptionsRefused).toBe(4);
  });

  it('follow what the access list of the key is set to, which the log-in by REST tells', async () => {
    const access = { filterType: 'whitelist', pubTopics: ['plant/#'], subTopics: ['office/+'] };
    const answer = await site.request('PUT', '/_simulator/access', undefined, {
      deviceId: site.device.deviceId,
      deviceClass: 'edgeCompute',
      ...access,
    });
    expect(answer.status).toBe(200);
    expect((await site.logIn(site.device)).body).toMatchObject({ deviceClass: 'edgeCompute', ...access });
    const listener = await site.client();
    const [granted] = await listener.subscribeAsync(['office/+', `losant/${site.device.deviceId}/toAgent/#`]);
    expect(granted).toMatchObject({ qos: 0 });
    site.cloud.setAccess((site.devices[1] as typeof site.device).deviceId, { filterType: 'all' });
    const speaker = await site.client(site.devices[1]);
    const arrival = next(listener, 'message');
    await speaker.publishAsync('office/door', 'open', { qos: 1 });
    expect((await arrival).map(String).slice(0, 2)).toEqual(['office/door', 'open']);
    await listener.publishAsync('plant/line', 'x', { qos: 1 });
    await listener.publishAsync(`losant/${site.device.deviceId}/fromAgent/hello`, 'x', { qos: 1 });
    expect(site.cloud.broker()).toMatchObject({ messagesUp: 3, messagesDown: 1, offences: {} });
  });

  it('are told what is wrong with an access list', async () => {
    const bad: [object, string][] = [
      [{}, 'deviceId'],
      [{ deviceId: 'a', filterType: 'some' }, 'filterType'],
      [{ deviceId: 'a', pubTopics: 'x' }, 'pubTopics'],
      [{ deviceId: 'a', subTopics: [1] }, 'subTopics'],
    ];
    for (const [body, named] of bad) {
      const answer = await site.request('PUT', '/_simulator/access', undefined, body);
      expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining(named) } });
    }
  });
});
