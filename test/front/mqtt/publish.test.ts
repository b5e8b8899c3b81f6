import { generate } from 'mqtt-packet';
import { describe, expect, it, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { DEVICE, MqttSite, OTHER, pubacks, publish, STATE, turn } from './mqtt-site.js';

const NO_STATE = new StatewayError('STATEWAY_MALFORMED_BODY', 'the body is not valid JSON');
const OTHERS_TOPIC = `losant/${OTHER}/state`;

describe('a state', () => {
  it('of QoS 0 is taken in, and nothing is said', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    line.send(publish());
    const body = await site.intake.nextBody();
    expect([body.text, body.encoding, body.grants[0]?.device.deviceId]).toEqual([STATE, 'extended-json', DEVICE]);
    body.store(3);
    await turn();
    expect(line.packets).toEqual([]);
    expect(site.meters.received.mqtt.accepted).toBe(3);
    expect(site.meters.mqtt.publishes.state).toBe(1);
  });

  it('of QoS 1 has its PUBACK when it is on disk, and not before', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    line.send(publish(STATE, 7));
    const body = await site.intake.nextBody();
    await site.clock.advance(5_000);
    expect(line.packets).toEqual([]);
    body.store();
    await turn();
    expect(pubacks(line)).toEqual([7]);
  });

  it('is taken with RETAIN and with DUP as without, and each time that it comes', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    const packet = { ...publish(STATE, 7), retain: true, dup: true } as const;
    line.send(packet as never, packet as never);
    for (const body of await site.intake.nextBodies(2)) body.store();
    await turn();
    expect(pubacks(line)).toEqual([7, 7]);
  });

  it.each(['losant/5B0000000000000000000001/state', 'losant/5b0000000000000000000001/state'])(
    'comes to the own topic in either case of the id: %s',
    async (topic) => {
      const site = new MqttSite();
      const line = await site.connected();
      line.send(publish(STATE, 1, topic));
      (await site.intake.nextBody()).store();
      await turn();
      expect(pubacks(line)).toEqual([1]);
    },
  );

  it('that is none becomes a dead letter, and its PUBACK waits until that is on disk', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    const writes: (() => void)[] = [];
    site.letters.write = () => new Promise((resolve) => void writes.push(resolve));
    line.send(publish('21.5 C', 7), publish('also none'));
    const [first, second] = await site.intake.nextBodies(2);
    first?.refuse(NO_STATE);
    second?.refuse(NO_STATE);
    await turn();
    expect(line.packets).toEqual([]);
    expect(site.letters.taken).toMatchObject([
      { device: { deviceId: DEVICE }, payload: '21.5 C', reason: NO_STATE.message },
      { payload: 'also none' },
    ]);
    writes[1]?.();
    await turn();
    expect(pubacks(line)).toEqual([]);
    writes[0]?.();
    await turn();
    expect(pubacks(line)).toEqual([7]);
  });

  it('that is none leaves the connection open', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    line.send(publish('21.5 C', 7));
    (await site.intake.nextBody()).refuse(NO_STATE);
    await turn();
    expect([pubacks(line), line.state]).toEqual([[7], 'open']);
    expect(site.meters.mqtt.publishes.dead_letter).toBe(1);
    expect(site.meters.received.mqtt.refused).toBe(1);
  });
});

describe('PUBACKs', () => {
  it('keep the order of the publishes, whichever is done first', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    line.send(publish(STATE, 3), publish(STATE), publish(STATE, 1), publish(STATE, 2, 'losant/other/topic'));
    const [first, second, third] = await site.intake.nextBodies(3);
    third?.store();
    second?.store();
    await turn();
    expect(pubacks(line)).toEqual([]);
    first?.store();
    await turn();
    expect(pubacks(line)).toEqual([3, 1, 2]);
  });

  it('of one turn leave in one write', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    const before = line.writes.length;
    line.send(...[1, 2, 3, 4].map((id) => publish(STATE, id)));
    for (const body of await site.intake.nextBodies(4)) body.store();
    await turn();
    expect(line.writes.slice(before)).toEqual(['40020001400200024002000340020004']);
  });

  it('of what was read are not given when the connection is gone, and it is kept all the same', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    line.send(publish(STATE, 1));
    const body = await site.intake.nextBody();
    line.hangUp();
    body.store();
    await turn();
    expect([line.packets, site.meters.received.mqtt.accepted]).toEqual([[], 1]);
  });

  it('wait for nothing but the disk: no publish to another place holds one back', async () => {
    const site = new MqttSite();
    const line = await site.connected({}, { filterType: 'all' });
    line.send(publish('x', 1, 'custom/topic'), publish(STATE, 2));
    (await site.intake.nextBody()).store();
    await turn();
    expect(pubacks(line)).toEqual([1, 2]);
    expect(site.meters.mqtt.publishes).toMatchObject({ unavailable: 1, state: 1 });
  });
});

describe('a topic that is not allowed', () => {
  const DENIED: readonly (readonly [string, Record<string, unknown>])[] = [
    ['$SYS/broker/x', {}],
    [`losant/${DEVICE}/command`, {}],
    [`losant/${DEVICE}/state/more`, {}],
    [`losant/${DEVICE}`, {}],
    ['losant/no-id/state', {}],
    ['losantish/topic', { filterType: 'all' }],
    [`losant/${DEVICE}/fromAgent/hello`, { deviceClass: 'standalone' }],
    [OTHERS_TOPIC, { deviceClass: 'standalone' }],
    [`Losant/${DEVICE}/state`, {}],
    ['custom/topic', {}],
    ['custom/topic', { filterType: 'whitelist', pubTopics: ['custom/other', 'custom/+/x'] }],
    ['custom/topic', { filterType: 'blacklist', pubTopics: ['custom/#'] }],
  ];

  it.each(DENIED)('%s, %j: is acknowledged, counted and dropped', async (topic, access) => {
    const site = new MqttSite();
    const line = await site.connected({}, access);
    line.send(publish(STATE, 1, topic), publish(STATE, 0, topic));
    await turn();
    expect([pubacks(line), line.state, site.intake.taken.length]).toEqual([[1], 'open', 0]);
    expect(site.meters.mqtt.publishes.denied).toBe(2);
    expect(site.denied).toEqual([{ deviceId: DEVICE, use: 'publish', topic }]);
  });

  it('is told of once an hour for each device', async () => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 0 });
    line.send(publish('x', 0, 'a'), publish('x', 0, 'b'));
    await site.clock.advance(3_599_999);
    line.send(publish('x', 0, 'c'));
    await site.clock.advance(1);
    line.send(publish('x', 0, 'd'));
    expect(site.denied.map(({ topic }) => topic)).toEqual(['a', 'd']);
  });

  const UPSTREAM: readonly (readonly [string, Record<string, unknown>])[] = [
    [`losant/${DEVICE}/fromAgent/hello`, { deviceClass: 'embedded' }],
    [`losant/${DEVICE}/fromAgent/a/b`, { deviceClass: 'edgeCompute' }],
    ['custom/topic', { filterType: 'all' }],
    ['custom/topic', { filterType: 'whitelist', pubTopics: ['x', 'custom/+'] }],
    ['custom/topic', { filterType: 'blacklist', pubTopics: ['custom/other'] }],
  ];

  it.each(UPSTREAM)('but %s, %j is for the session at the cloud, of which there is none', async (topic, access) => {
    const site = new MqttSite();
    const line = await site.connected({}, access);
    line.send(publish('x', 1, topic));
    await turn();
    expect([pubacks(line), site.denied]).toEqual([[1], []]);
    expect(site.meters.mqtt.publishes.unavailable).toBe(1);
  });
});

describe('a payload that is too large', () => {
  test('is skipped, counted, and acknowledged after its last byte', async () => {
    const site = new MqttSite({ maxBodyBytes: 1_000 });
    const line = await site.connected();
    const packet = generate(publish('x'.repeat(1_001), 9));
    line.send(packet.subarray(0, -1));
    await turn();
    expect(pubacks(line)).toEqual([]);
    line.send(packet.subarray(-1), publish(STATE, 10));
    (await site.intake.nextBody()).store();
    await turn();
    expect([pubacks(line), site.meters.mqtt.publishes.oversize]).toEqual([[9, 10], 1]);
  });

  test('is skipped at QoS 0 as well, and above 4 MiB it closes the connection', async () => {
    const site = new MqttSite({ maxBodyBytes: 1_000 });
    const line = await site.connected();
    line.send(publish('x'.repeat(1_001)));
    expect([line.state, site.meters.mqtt.publishes.oversize]).toEqual(['open', 1]);
    line.send(Buffer.of(0x30, 0xff, 0xff, 0xff, 0x7f));
    expect([line.state, site.meters.mqtt.closes.protocol]).toEqual(['ended', 1]);
  });
});

describe('what is no MQTT as it is served', () => {
  it.each([
    ['QoS 2', Buffer.from(generate({ ...publish(STATE, 1), qos: 2 } as never))],
    ['an empty topic', Buffer.of(0x30, 3, 0, 0, 0x78)],
    ['a wildcard in a topic', Buffer.of(0x30, 4, 0, 1, 0x23, 0x78)],
    ['identifier 0', Buffer.of(0x32, 6, 0, 1, 0x61, 0, 0, 0x78)],
    ['DUP at QoS 0', Buffer.of(0x38, 4, 0, 1, 0x61, 0x78)],
  ])('%s closes the connection, and what was read before is kept', async (_what, packet) => {
    const site = new MqttSite();
    const line = await site.connected();
    line.send(publish(STATE, 1), packet);
    expect(line.state).toBe('ended');
    (await site.intake.nextBody()).store();
    expect(site.meters.received.mqtt.accepted).toBe(1);
    expect(site.meters.mqtt.closes.protocol).toBe(1);
  });
});
