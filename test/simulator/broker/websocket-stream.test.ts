import { once } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect, type IClientOptions } from 'mqtt';
import { type IPublishPacket, parser } from 'mqtt-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { BrokerSite, credentialsOf, next } from './broker-site.js';

const site = new BrokerSite();
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** Asks for a WebSocket. @returns the socket and the subprotocol that was answered, or that there was none */
async function upgrade(offered: string): Promise<{ socket: Socket; protocol: unknown } | 'closed'> {
  const asked = request(`${site.url}/any/path`, {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-protocol': offered,
    },
  });
  asked.end();
  return new Promise((resolve) => {
    asked.on('error', () => resolve('closed'));
    asked.on('upgrade', (response, socket) => {
      endings.push(() => socket.destroy());
      resolve({ socket: socket as Socket, protocol: response.headers['sec-websocket-protocol'] });
    });
  });
}

function frame(opcode: number, payload: Buffer): Buffer {
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([Buffer.of(0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0), payload]);
}

describe('MQTT over WebSocket', () => {
  it.each<[string, IClientOptions]>([
    ['/', {}],
    ['/mqtt', {}],
    ['/mqtt', { protocolVersion: 4, wsOptions: { perMessageDeflate: false } }],
  ])('is served at the port of HTTP, path %s, with %j, in large messages and small', async (path, options) => {
    const client = connect(site.url.replace('http', 'ws') + path, {
      ...credentialsOf(site.device),
      reconnectPeriod: 0,
      ...options,
    });
    endings.push(() => client.endAsync(true));
    await next(client, 'connect');
    const large = { data: Object.fromEntries(['a', 'b', 'c'].map((name) => [name, name.repeat(60_000)])) };
    await client.publishAsync(site.stateTopic, JSON.stringify(large), { qos: 1 });
    expect(site.cloud.summary()).toMatchObject({ states: 1 });
    await client.subscribeAsync(site.commandTopic);
    for (const length of [0, 100, 200, 70_000]) {
      const arrival = next(client, 'message');
      await site.cloud.publish(site.commandTopic, Buffer.alloc(length, 'x'));
      expect(String((await arrival)[1])).toBe('x'.repeat(length));
    }
    await client.endAsync();
    expect(site.cloud.broker()).toMatchObject({ accepted: 1, messagesUp: 1, messagesDown: 4 });
  });

  it.each([
    ['mqtt', 'mqtt'],
    ['mqttv3.1', 'mqttv3.1'],
    ['mqttv3.1, mqtt', 'mqtt'],
  ])('answers an offer of %s with %s', async (offered, answered) => {
    expect(await upgrade(offered)).toMatchObject({ protocol: answered });
  });

  it('is refused to an offer of something else', async () => {
    expect(await upgrade('soap')).toBe('closed');
  });

  it('takes a stream that is cut into frames of one byte, and answers pings between them', async () => {
    const opened = await upgrade('mqtt');
    if (opened === 'closed') throw new Error('refused');
    const { socket } = opened;
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    const { clientId, username, password } = credentialsOf(site.device);
    const { generate } = await import('mqtt-packet');
    const logIn = generate({ cmd: 'connect', clientId, username, password: Buffer.from(password), clean: true });
    const state: IPublishPacket = {
      cmd: 'publish',
      topic: site.stateTopic,
      payload: '{"data":{"a":1}}',
      qos: 1,
      messageId: 7,
      dup: false,
      retain: false,
    };
    for (const byte of Buffer.concat([logIn, generate(state)])) socket.write(frame(2, Buffer.of(byte)));
    socket.write(frame(9, Buffer.from('hi')));
    const packets: unknown[] = [];
    const reader = parser();
    reader.on('packet', ({ cmd, messageId }) => packets.push([cmd, messageId]));
    while (packets.length < 2 || !Buffer.concat(received).includes('hi')) {
      await once(socket, 'data');
      packets.length = 0;
      for (const payload of framesOf(Buffer.concat(received))) reader.parse(payload);
    }
    expect(packets).toEqual([
      ['connack', undefined],
      ['puback', 7],
    ]);
    expect(site.cloud.summary().states).toBe(1);
  });

  it('is closed for a text frame', async () => {
    const opened = await upgrade('mqtt');
    if (opened === 'closed') throw new Error('refused');
    opened.socket.write(frame(1, Buffer.from('x')));
    const [answer] = (await once(opened.socket, 'data')) as [Buffer];
    expect([...answer]).toEqual([0x88, 2, 1003 >> 8, 1003 & 0xff]);
    await once(opened.socket, 'close');
  });
});

/** The payloads of the binary frames a server sent, all of them short. */
function framesOf(bytes: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = bytes.readUInt8(at + 1);
    if (bytes.readUInt8(at) === 0x82) payloads.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return payloads;
}
