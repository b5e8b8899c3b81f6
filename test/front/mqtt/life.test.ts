import { describe, expect, it, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { connect, DEVICE, MqttSite, OTHER, pubacks, publish, STATE, STATE_TOPIC, turn } from './mqtt-site.js';

const PING = Buffer.of(0xc0, 0);
const DISCONNECT = Buffer.of(0xe0, 0);
const WILL = { topic: STATE_TOPIC, payload: Buffer.from('{"data":{"lost":true}}'), qos: 1, retain: true } as const;

describe('the keep-alive', () => {
  it('closes a connection that sends no packet for one and a half of it, and takes in its will', async () => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 10, will: WILL });
    await site.clock.advance(14_999);
    expect(line.state).toBe('open');
    await site.clock.advance(1);
    expect([line.state, site.meters.mqtt.closes.keepalive]).toEqual(['cut', 1]);
    expect((await site.intake.nextBody()).text).toBe('{"data":{"lost":true}}');
  });

  it.each([
    ['PINGREQ', PING],
    ['a PUBLISH', publish()],
    ['a SUBSCRIBE', { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `losant/${DEVICE}/command`, qos: 0 }] }],
    ['a PUBACK', { cmd: 'puback', messageId: 1 }],
  ] as const)('is fed by %s', async (_what, packet) => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 10 });
    await site.clock.advance(14_000);
    line.send(packet as never);
    await site.clock.advance(14_999);
    expect(line.state).toBe('open');
    await site.clock.advance(1);
    expect(line.state).toBe('cut');
  });

  it('is not fed by a packet that is not whole', async () => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 10 });
    await site.clock.advance(14_000);
    line.send(Buffer.of(0x30, 100, 0));
    await site.clock.advance(1_000);
    expect(line.state).toBe('cut');
  });

  it('of 0 is none', async () => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 0 });
    await site.clock.advance(3_600_000);
    expect(line.state).toBe('open');
  });

  it('stands still while the connection is not read, and begins anew then', async () => {
    const site = new MqttSite({ maxInflight: 1 });
    const line = await site.connected({ keepalive: 10 });
    line.send(publish(STATE, 1));
    const body = await site.intake.nextBody();
    await site.clock.advance(40_000);
    expect([line.state, line.isHalted]).toEqual(['open', true]);
    body.store();
    await site.clock.advance(14_999);
    expect(line.state).toBe('open');
    await site.clock.advance(1);
    expect(line.state).toBe('cut');
  });

  it('is answered while it is fed', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    line.send(PING, PING);
    await turn();
    expect(line.packets).toMatchObject([{ cmd: 'pingresp' }, { cmd: 'pingresp' }]);
  });
});

describe('a will', () => {
  it('is taken in when the connection breaks', async () => {
    const site = new MqttSite();
    const line = await site.connected({ will: WILL });
    line.hangUp();
    (await site.intake.nextBody()).store();
    expect(site.meters.received.mqtt.accepted).toBe(1);
  });

  it('is taken in when the device breaks the protocol', async () => {
    const site = new MqttSite();
    const line = await site.connected({ will: WILL });
    line.send(Buffer.of(0xf0, 0));
    expect((await site.intake.nextBody()).text).toContain('lost');
  });

  it('is not, after DISCONNECT', async () => {
    const site = new MqttSite();
    const line = await site.connected({ will: WILL });
    line.send(DISCONNECT);
    await turn();
    expect([line.state, site.intake.taken]).toEqual(['ended', []]);
    expect(site.meters.mqtt.closes.client).toBe(1);
  });

  it('that is no state becomes a dead letter', async () => {
    const site = new MqttSite();
    const line = await site.connected({ will: { ...WILL, payload: Buffer.from('gone') } });
    line.hangUp();
    (await site.intake.nextBody()).refuse(new StatewayError('STATEWAY_MALFORMED_BODY', 'not JSON'));
    await turn();
    expect(site.letters.taken).toMatchObject([{ payload: 'gone' }]);
  });

  it.each([
    ['QoS 2', { ...WILL, qos: 2 }],
    ['a topic that is not allowed', { ...WILL, topic: '$SYS/broker/connection/x/state' }],
    ['more than 4 KiB', { ...WILL, payload: Buffer.alloc(4_097, '1') }],
    ['a wildcard in its topic', { ...WILL, topic: 'losant/#' }],
    ["another device's topic", { ...WILL, topic: `losant/${OTHER}/state` }, { deviceClass: 'standalone' }],
  ])(
    'of %s is ignored and counted, and the connection accepted',
    async (_what, will, access?: Record<string, unknown>) => {
      const site = new MqttSite();
      const line = await site.connected({ will: will as never }, access);
      expect(site.meters.mqtt.ignoredWills).toBe(1);
      line.hangUp();
      await turn();
      expect(site.intake.taken).toEqual([]);
    },
  );

  it('for the session at the cloud is dropped and counted', async () => {
    const site = new MqttSite();
    const line = await site.connected({ will: { ...WILL, topic: 'custom' } }, { filterType: 'all' });
    line.hangUp();
    expect([site.meters.mqtt.publishes.unavailable, site.meters.mqtt.ignoredWills]).toEqual([1, 0]);
  });
});

describe('a second connection of a device', () => {
  it('takes over at once, on whatever transport, and the will of the first is taken in', async () => {
    const site = new MqttSite();
    const first = await site.connected({ will: WILL });
    const second = site.line('mqtt-ws', '192.0.2.8');
    second.send(connect());
    await turn();
    expect([first.state, second.state]).toEqual(['ended', 'open']);
    expect(second.packets).toMatchObject([{ cmd: 'connack', returnCode: 0 }]);
    expect((await site.intake.nextBody()).text).toContain('lost');
    expect(site.meters.mqtt).toMatchObject({ connects: { accepted: 1, takeover: 1 }, closes: { takeover: 1 } });
  });

  it('is not touched by what was still on its way for the first', async () => {
    const site = new MqttSite();
    const first = await site.connected();
    first.send(publish(STATE, 1));
    const body = await site.intake.nextBody();
    const second = await site.connected({ clientId: DEVICE });
    body.store();
    await turn();
    expect([first.packets, second.packets, second.state]).toEqual([[], [], 'open']);
    second.send(publish(STATE, 1));
    (await site.intake.nextBody()).store();
    await turn();
    expect(pubacks(second)).toEqual([1]);
    expect(site.context.takeovers.size).toBe(1);
  });

  it('in another case of the id is one all the same', async () => {
    const site = new MqttSite();
    const first = await site.connected();
    await site.connected({ clientId: DEVICE.toUpperCase() });
    expect(first.state).toBe('ended');
  });

  it('again and again has to wait for its CONNACK, and is told of with both addresses', async () => {
    const site = new MqttSite();
    await site.connected();
    for (let takeover = 1; takeover <= 5; takeover++) await site.connected();
    expect(site.flapping).toEqual([]);
    const waits: number[] = [];
    for (let takeover = 6; takeover <= 10; takeover++) {
      const line = site.line('mqtts', '192.0.2.9');
      line.send(connect());
      const startedMs = site.clock.monotonicMs();
      while (line.packets.length === 0) await site.clock.advance(500);
      waits.push(site.clock.monotonicMs() - startedMs);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000]);
    expect(site.flapping[0]).toEqual({ deviceId: DEVICE, takeovers: 6, addresses: ['192.0.2.7', '192.0.2.9'] });
  });
});

describe('a client that takes nothing', () => {
  it('is not read while much waits for it, and is cut after 60 s', async () => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 0 });
    line.unsentBytes = 70_000;
    line.send(PING);
    await turn();
    expect(line.isHalted).toBe(true);
    await site.clock.advance(59_999);
    expect(line.state).toBe('open');
    await site.clock.advance(1);
    expect([line.state, site.meters.mqtt.closes.slow]).toEqual(['cut', 1]);
  });

  it('is read on when it has taken what waited', async () => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 0 });
    line.unsentBytes = 70_000;
    line.send(PING);
    await turn();
    line.unsentBytes = 0;
    line.connection.drained();
    await site.clock.advance(120_000);
    expect([line.state, line.isHalted]).toEqual(['open', false]);
  });

  it('with little waiting is cut as well, unless some of it leaves', async () => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 0 });
    line.unsentBytes = 100;
    line.send(PING);
    await site.clock.advance(50_000);
    line.unsentBytes = 50;
    await site.clock.advance(69_999);
    expect(line.state).toBe('open');
    await site.clock.advance(1);
    expect(line.state).toBe('cut');
  });
});

describe('a client that takes a little', () => {
  it('is not cut, also where more comes to it than it takes', async () => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 0 });
    for (let minute = 0; minute < 5; minute++) {
      // Of four bytes more, one leaves.
      line.unsentBytes += 4;
      line.send(PING, PING);
      await turn();
      line.unsentBytes -= 1;
      await site.clock.advance(60_000);
    }
    expect(line.state).toBe('open');
  });

  it('is not cut while much waits for it either, and is not read meanwhile', async () => {
    const site = new MqttSite();
    const line = await site.connected({ keepalive: 0 });
    line.unsentBytes = 70_000;
    line.send(PING);
    await turn();
    for (let minute = 0; minute < 5; minute++) {
      line.unsentBytes -= 1_000;
      await site.clock.advance(60_000);
    }
    expect([line.state, line.isHalted]).toEqual(['open', true]);
  });
});

describe('stopping', () => {
  test('reads nothing more, and answers what was read', async () => {
    const site = new MqttSite();
    const line = await site.connected({ will: WILL });
    line.send(publish(STATE, 1));
    const body = await site.intake.nextBody();
    line.connection.stop();
    expect([line.isHalted, line.connection.isSettled]).toEqual([true, false]);
    body.store();
    await turn();
    expect([pubacks(line), line.connection.isSettled]).toEqual([[1], true]);
    line.connection.end('stopping');
    expect([line.state, site.meters.mqtt.closes.stopping, site.intake.taken.length]).toEqual(['ended', 1, 1]);
  });

  test('leaves those that were not accepted without a word', async () => {
    const site = new MqttSite();
    const line = site.line();
    line.connection.stop();
    expect([line.state, line.packets]).toEqual(['cut', []]);
  });
});
