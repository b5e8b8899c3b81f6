import { generate, type IConnectPacket } from 'mqtt-packet';
import { describe, expect, it, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import {
  authed,
  bodyOf,
  connect,
  DEVICE,
  type FakeLine,
  MqttSite,
  publish,
  refusal,
  STATE,
  TOKEN,
  turn,
} from './mqtt-site.js';

const PING = Buffer.of(0xc0, 0);

/** Sends, lets the first hold pass, and returns what came down. */
async function afterHold(site: MqttSite, line: FakeLine): Promise<unknown[]> {
  await site.clock.advance(999);
  expect([line.packets.length, line.state]).toEqual([0, 'open']);
  await site.clock.advance(1);
  expect(line.state).not.toBe('open');
  return line.packets.map(({ returnCode }) => returnCode);
}

describe('a device that is known here', () => {
  it('is accepted without the cloud, in the spelling that it uses', async () => {
    const site = new MqttSite();
    site.know(DEVICE.toUpperCase());
    const line = site.line();
    line.send(connect({ clientId: DEVICE.toUpperCase() }));
    await turn();
    expect(line.packets).toMatchObject([{ cmd: 'connack', returnCode: 0, sessionPresent: false }]);
    expect([line.isAccepted, site.login.calls.length]).toEqual([true, 0]);
    expect(site.meters.mqtt.connects.accepted).toBe(1);
  });

  it('is told with CleanSession 0 too that there is no session', async () => {
    const site = new MqttSite();
    expect((await site.connected({ clean: false })).packets).toEqual([]);
  });

  it.each([
    ['the bit of a bridge', { bridgeMode: true }],
    ['MQTT 3.1', { protocolId: 'MQIsdp', protocolVersion: 3 } as const],
  ])('is accepted with %s', async (_what, packet) => {
    await new MqttSite().connected(packet as Partial<IConnectPacket>);
  });

  it('is accepted once where its CONNECT comes byte by byte, as over a WebSocket', async () => {
    const site = new MqttSite();
    site.know();
    const line = site.line();
    for (const byte of Buffer.concat([generate(connect()), PING])) line.send(Uint8Array.of(byte));
    await turn();
    expect([line.state, line.packets.map(({ cmd }) => cmd)]).toEqual(['open', ['connack', 'pingresp']]);
  });

  it('may send behind its CONNECT without waiting', async () => {
    const site = new MqttSite();
    site.know();
    const line = site.line();
    line.send(connect(), publish(STATE, 7), PING);
    (await site.intake.nextBody()).store();
    await turn();
    expect(line.packets).toMatchObject([{ cmd: 'connack' }, { cmd: 'pingresp' }, { cmd: 'puback', messageId: 7 }]);
  });
});

describe('a device that is not known', () => {
  it('is asked for once, however many lines bring its credentials, and accepted', async () => {
    const site = new MqttSite();
    let answer: () => void = () => {};
    site.login.answer = () =>
      new Promise((resolve) => {
        answer = () => resolve(authed(DEVICE, TOKEN));
      });
    site.authorizer.give(TOKEN, '5a0000000000000000000001', DEVICE);
    const lines = [site.line(), site.line('mqtts')];
    for (const line of lines) line.send(connect());
    await turn();
    expect(site.login.calls).toMatchObject([{ body: bodyOf(DEVICE), target: '/auth/device' }]);
    answer();
    await turn();
    expect(lines.map(({ state }) => state)).toEqual(['ended', 'open']);
    expect(lines[1]?.packets).toMatchObject([{ cmd: 'connack', returnCode: 0 }]);
  });

  it.each([401, 403, 404, 400])('is told 5 where the cloud says %i, after a hold', async (status) => {
    const site = new MqttSite();
    site.login.answer = async () => refusal(status);
    const line = site.line();
    line.send(connect());
    await turn();
    expect(await afterHold(site, line)).toEqual([5]);
    expect(site.meters.mqtt.connects.credentials).toBe(1);
  });

  it('is told 5 where the cloud is away and its key has another secret', async () => {
    const site = new MqttSite();
    site.login.answer = () => Promise.reject(new StatewayError('STATEWAY_CREDENTIALS_REFUSED', 'another secret'));
    const line = site.line();
    line.send(connect());
    await turn();
    expect(await afterHold(site, line)).toEqual([5]);
  });

  it('is told 5 where its key may log in and not send', async () => {
    const site = new MqttSite();
    site.login.answer = async () => authed(DEVICE, 'token.without.scope');
    const line = site.line();
    line.send(connect());
    (await site.authorizer.nextQuestion()).refuse(new StatewayError('STATEWAY_NOT_GRANTED', 'no sending scope'));
    await turn();
    expect(await afterHold(site, line)).toEqual([5]);
  });

  it('is held, and not told 5, where its log-in is good and there is no room for one more device', async () => {
    const site = new MqttSite();
    site.login.answer = async () => authed(DEVICE, TOKEN);
    const line = site.line();
    line.send(connect());
    (await site.authorizer.nextQuestion()).refuse(new StatewayError('STATEWAY_TOO_MANY_DEVICES', 'no memory'));
    await site.clock.advance(999);
    expect([line.state, line.packets]).toEqual(['open', []]);
    site.authorizer.give(TOKEN, '5a0000000000000000000001', DEVICE);
    await site.clock.advance(1);
    expect(line.packets).toMatchObject([{ cmd: 'connack', returnCode: 0 }]);
  });

  it.each([
    ['the cloud cannot be reached', () => Promise.reject(new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'away'))],
    ['the cloud says 429', async () => refusal(429)],
    ['the cloud says 503', async () => refusal(503)],
    ['something fails here', () => Promise.reject(new Error('unexpected'))],
  ])(
    'is held in silence while %s, asked for again, and closed without a word 25 s after its CONNECT',
    async (_why, answer) => {
      const site = new MqttSite();
      site.login.answer = answer;
      const line = site.line();
      line.send(connect());
      await site.clock.advance(24_999);
      expect([line.state, line.packets]).toEqual(['open', []]);
      expect(site.login.calls.length).toBeGreaterThan(4);
      await site.clock.advance(1);
      expect([line.state, line.packets]).toEqual(['cut', []]);
      expect(site.meters.mqtt.connects.unavailable).toBe(1);
    },
  );

  it('is accepted when the cloud is back meanwhile', async () => {
    const site = new MqttSite();
    site.login.answer = async () => refusal(503);
    const line = site.line();
    line.send(connect());
    await site.clock.advance(10_000);
    site.authorizer.give(TOKEN, '5a0000000000000000000001', DEVICE);
    site.login.answer = async () => authed(DEVICE, TOKEN);
    await site.clock.advance(5_000);
    expect(line.packets).toMatchObject([{ cmd: 'connack', returnCode: 0 }]);
  });

  it('that has left is asked for all the same, and its answer touches nothing', async () => {
    const site = new MqttSite();
    let answer: () => void = () => {};
    site.login.answer = () =>
      new Promise((resolve) => {
        answer = () => resolve(authed(DEVICE, TOKEN));
      });
    const line = site.line();
    line.send(connect());
    await turn();
    line.hangUp();
    answer();
    await turn();
    expect([line.packets, site.login.calls.length, site.context.takeovers.size]).toEqual([[], 1, 0]);
  });

  it('has what it sends behind its CONNECT kept, up to a bound from which on it is not read', async () => {
    const site = new MqttSite();
    site.login.answer = () => new Promise(() => {});
    const line = site.line();
    line.send(connect());
    for (let sent = 0; sent < 20 && !line.isHalted; sent++) line.send(publish('x'.repeat(1_000), 1));
    expect(line.isHalted).toBe(true);
    expect(site.context.front.admission.bytes).toBeLessThan(20_000);
    expect(site.intake.taken).toEqual([]);
  });
});

describe('what is refused', () => {
  it.each([
    ['another version: 1', 1, 'protocol', [1], connect({ protocolVersion: 5 as never })],
    ['an id that is none: 2', 2, 'identifier', [2], connect({ clientId: 'my-device' })],
    ['no id: 2', 2, 'identifier', [2], connect({ clientId: '' })],
    ['no user name: 4', 4, 'credentials', [4], { ...connect(), username: undefined, password: undefined }],
    ['no password: 4', 4, 'credentials', [4], { ...connect(), password: undefined }],
    ['an empty password: 4', 4, 'credentials', [4], connect({ password: Buffer.alloc(0) })],
    ['a password that is no text: 4', 4, 'credentials', [4], connect({ password: Buffer.of(0xff) })],
    ['bytes that are no MQTT, in silence', 0, 'protocol', [], Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['another packet first, in silence', 0, 'protocol', [], Buffer.concat([PING])],
  ] as const)('%s, after a hold', async (_what, _code, result, codes, packet) => {
    const site = new MqttSite();
    const line = site.line();
    line.send(packet instanceof Uint8Array ? packet : generate(packet as never));
    expect(await afterHold(site, line)).toEqual(codes);
    expect(site.meters.mqtt.connects[result]).toBe(1);
  });

  it('is held twice as long each time for the same id, 10 s at most, and anew after success', async () => {
    const site = new MqttSite();
    site.login.answer = async () => refusal(401);
    const holds: number[] = [];
    for (let attempt = 0; attempt < 6; attempt++) {
      const line = site.line();
      line.send(connect({ password: Buffer.from('wrong') }));
      await turn();
      const startedMs = site.clock.monotonicMs();
      while (line.state === 'open') await site.clock.advance(100);
      holds.push(site.clock.monotonicMs() - startedMs);
    }
    expect(holds).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    await site.connected();
    const line = site.line();
    line.send(connect({ password: Buffer.from('wrong') }));
    await turn();
    await afterHold(site, line);
  });

  it('holds what has no id by its address', async () => {
    const site = new MqttSite();
    const lines = [site.line('mqtt', '192.0.2.1'), site.line('mqtt', '192.0.2.1'), site.line('mqtt', '192.0.2.2')];
    for (const line of lines) line.send(Buffer.from('no MQTT'));
    await site.clock.advance(1_000);
    expect(lines.map(({ state }) => state)).toEqual(['ended', 'open', 'ended']);
    await site.clock.advance(1_000);
    expect(lines[1]?.state).toBe('ended');
  });

  it('reads and keeps nothing more of what is held', async () => {
    const site = new MqttSite();
    const line = site.line();
    line.send(connect({ clientId: 'no id' }));
    for (let i = 0; i < 100; i++) line.send(Buffer.alloc(10_000));
    expect(site.context.front.admission.bytes).toBe(0);
  });

  test('a connection that says nothing for 10 s is closed, and so is one whose CONNECT does not come to its end', async () => {
    const site = new MqttSite();
    const [silent, begun] = [site.line(), site.line()];
    begun.send(generate(connect()).subarray(0, 20));
    await site.clock.advance(9_999);
    expect([silent.state, begun.state]).toEqual(['open', 'open']);
    await site.clock.advance(1);
    expect([silent.state, begun.state]).toEqual(['cut', 'cut']);
  });

  test('a second CONNECT closes the connection', async () => {
    const site = new MqttSite();
    const line = await site.connected();
    line.send(connect());
    expect(line.state).toBe('ended');
    expect(site.meters.mqtt.closes.protocol).toBe(1);
  });

  test('a second CONNECT while the first is being checked does so too, when it is read', async () => {
    const site = new MqttSite();
    site.know();
    const line = site.line();
    line.send(connect(), connect());
    await turn();
    expect(line.state).toBe('ended');
  });
});

test('connections beyond their number are held, and closed', async () => {
  const site = new MqttSite();
  const line = site.line();
  line.connection.refuseForNumber();
  expect(await afterHold(site, line)).toEqual([]);
  expect(site.meters.mqtt.connects.full).toBe(1);
});
