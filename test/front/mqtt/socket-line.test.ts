import { generate } from 'mqtt-packet';
import { describe, expect, it, test } from 'vitest';
import { SocketLine } from '../../../src/front/mqtt/socket-line.js';
import { mqttProtocolOf } from '../../../src/front/mqtt-route.js';
import { type FrontHarness, startFront, until } from '../../helpers/front-harness.js';
import { encodeFrame, OPCODE, RawWebSocket } from '../../helpers/raw-websocket.js';
import { authed, bodyOf, connect, DEVICE, publish, TOKEN } from './mqtt-site.js';

const APPLICATION = '5a0000000000000000000001';

async function openMqtt(path = '/', protocols = 'mqtt'): Promise<{ harness: FrontHarness; socket: RawWebSocket }> {
  const harness = await startFront();
  harness.login.known.set(bodyOf(DEVICE), authed(DEVICE, TOKEN));
  harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
  harness.intake.storesAtOnce = true;
  const socket = await RawWebSocket.open(harness.port, path, { 'Sec-WebSocket-Protocol': protocols });
  return { harness, socket };
}

describe('the subprotocol', () => {
  it.each([
    ['mqtt', 'mqtt'],
    ['mqttv3.1', 'mqttv3.1'],
    ['mqttv3.1, mqtt', 'mqtt'],
    ['chat,mqtt', 'mqtt'],
    ['chat', undefined],
    ['', undefined],
    ['MQTT', undefined],
  ])('offered as "%s" is answered as %s', (offered, answered) => {
    expect(mqttProtocolOf(offered)).toBe(answered);
  });

  it.each(['/', '/mqtt', '/any/path/at/all', '/applications/x/devices/y/state', '//', '/?token=x'])(
    'leads to MQTT at %s',
    async (path) => {
      const { socket } = await openMqtt(path, 'mqttv3.1, mqtt');
      expect(socket.upgrade).toMatchObject({ status: 101, headers: { 'sec-websocket-protocol': 'mqtt' } });
      await socket.send(OPCODE.binary, generate(connect()));
      expect((await socket.nextFrame()).payload.toString('hex')).toBe('20020000');
    },
  );
});

describe('an MQTT connection over a WebSocket', () => {
  it('is a stream of bytes, whatever the frames', async () => {
    const { harness, socket } = await openMqtt();
    const stream = Buffer.concat([generate(connect()), generate(publish('{"data":{"n":1}}', 7)), Buffer.of(0xc0, 0)]);
    for (const byte of stream) await socket.connection.send(encodeFrame(OPCODE.binary, Uint8Array.of(byte)));
    const answers: string[] = [];
    while (answers.join('').length < 20) answers.push((await socket.nextFrame()).payload.toString('hex'));
    expect(answers.join('')).toMatch(/^20020000(d00040020007|40020007d000)$/);
    expect(harness.intake.taken.map(({ text }) => text)).toEqual(['{"data":{"n":1}}']);
    expect(harness.front.connections()).toMatchObject({ 'mqtt-ws': 1, websocket: 0 });
  });

  it('is closed by a text frame', async () => {
    const { socket } = await openMqtt();
    await socket.send(OPCODE.text, 'no bytes');
    expect((await socket.nextFrame()).opcode).toBe(OPCODE.close);
    await socket.connection.closed;
  });

  it('takes several packets in one frame, and one packet in several messages with control frames between', async () => {
    const { socket } = await openMqtt();
    const packets = Buffer.concat([generate(connect()), Buffer.of(0xc0, 0)]);
    await socket.connection.send(encodeFrame(OPCODE.binary, packets.subarray(0, 10)));
    await socket.send(OPCODE.ping, 'p');
    expect((await socket.nextFrame()).opcode).toBe(OPCODE.pong);
    await socket.connection.send(encodeFrame(OPCODE.binary, packets.subarray(10)));
    let bytes = '';
    while (bytes.length < 12) bytes += (await socket.nextFrame()).payload.toString('hex');
    expect(bytes).toBe('20020000d000');
  });

  it('that has not been accepted keeps its place for a second, and gives it to another then', async () => {
    const harness = await startFront();
    const sockets: RawWebSocket[] = [];
    const open = () => RawWebSocket.open(harness.port, '/', { 'Sec-WebSocket-Protocol': 'mqtt' });
    for (let i = 0; i < 38; i++) sockets.push(await open());
    expect((await open()).upgrade.status).toBe(503);
    await harness.clock.advance(1_000);
    expect((await open()).upgrade.status).toBe(101);
    await (sockets[0] as RawWebSocket).connection.closed;
    for (const socket of sockets) socket.connection.destroy();
    await until(() => harness.front.connections()['mqtt-ws'] <= 1);
  });
});

describe('what a client does not read', () => {
  /** A socket of the library's, whose other end reads nothing until it is told to. */
  function opened() {
    const sent: number[] = [];
    let buffered = 0;
    let isClosed = false;
    const ws = {
      getBufferedAmount: () => buffered,
      send(bytes: Uint8Array) {
        if (buffered > 64 * 1_024) return 2;
        sent.push(bytes.length);
        buffered += bytes.length;
        return 0;
      },
      close() {
        isClosed = true;
      },
    };
    let drains = 0;
    const user = { receive: () => {}, drained: () => void drains++, closed: () => {} };
    const place = { leave: () => {}, onGiveWay: () => {} };
    const line = new SocketLine('192.0.2.7', { address: '192.0.2.7' } as never, place as never, () => user);
    line.open(ws as never);
    const read = (bytes: number): void => {
      buffered -= bytes;
      line.drained();
    };
    return { line, sent, read, isClosed: () => isClosed, drains: () => drains };
  }

  it('is kept, in order, beyond what the library takes, and sent when there is room', () => {
    const { line, sent, read, isClosed, drains } = opened();
    for (const bytes of [100_000, 4, 90_000, 5]) line.write(new Uint8Array(bytes));
    expect([sent, line.unsentBytes, isClosed()]).toEqual([[100_000], 190_009, false]);
    read(10_000);
    expect(sent).toEqual([100_000]);
    read(50_000);
    expect([sent, line.unsentBytes, drains()]).toEqual([[100_000, 4, 90_000], 130_009, 0]);
    read(130_004);
    expect([sent, line.unsentBytes, drains()]).toEqual([[100_000, 4, 90_000, 5], 5, 0]);
    read(5);
    expect([line.unsentBytes, drains()]).toEqual([0, 1]);
  });

  it('ends the connection when it comes to more than 512 KiB', () => {
    const { line, isClosed } = opened();
    line.write(new Uint8Array(70_000));
    for (let at = 0; at < 8; at++) line.write(new Uint8Array(65_536));
    expect(isClosed()).toBe(false);
    line.write(new Uint8Array(1));
    expect(isClosed()).toBe(true);
  });
});

test('other upgrades are served as ever', async () => {
  const harness = await startFront();
  harness.authorizer.give(TOKEN, APPLICATION, DEVICE);
  const path = `/applications/${APPLICATION}/devices/${DEVICE}/state`;
  const headers = { Authorization: `Bearer ${TOKEN}`, 'Sec-WebSocket-Protocol': 'chat' };
  const socket = await RawWebSocket.open(harness.port, path, headers);
  expect(socket.upgrade).toMatchObject({ status: 101, headers: { 'sec-websocket-protocol': 'chat' } });
});
