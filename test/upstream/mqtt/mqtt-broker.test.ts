import { readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { generate, type Packet, parser } from 'mqtt-packet';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/core/time/clock.js';
import { BrokerLine } from '../../../src/simulator/broker/broker-session.js';
import { acceptWebSocket } from '../../../src/simulator/broker/websocket-stream.js';
import type { BrokerEnd, BrokerUser } from '../../../src/upstream/mqtt/broker.js';
import type { BrokerWay } from '../../../src/upstream/mqtt/broker-dialer.js';
import { MqttBroker } from '../../../src/upstream/mqtt/mqtt-broker.js';
import { Arrivals } from '../../helpers/arrivals.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { openTunnels } from '../../helpers/tunnels.js';
import { makeCertificate } from '../test-servers.js';

const DEVICE = { applicationId: 'app', deviceId: 'device', key: 'the-key', secret: 'the-secret' };

/** One connection as the test's broker has it. */
class Peer {
  readonly packets = new Arrivals<Packet>();
  readonly closed: Promise<void>;
  readonly #stream: BrokerLine;

  constructor(stream: BrokerLine) {
    this.#stream = stream;
    const reader = parser({ protocolVersion: 4 });
    reader.on('packet', (packet) => this.packets.add(packet));
    stream.on('data', (bytes) => reader.parse(bytes));
    this.closed = new Promise((resolve) => stream.once('close', () => resolve()));
  }

  send(packet: Packet | Uint8Array): void {
    this.#stream.write(packet instanceof Uint8Array ? packet : generate(packet));
  }

  cut(): void {
    this.#stream.cut();
  }

  /** Takes the log-in, and accepts it. */
  async accept(): Promise<Packet> {
    const packet = await this.packets.next();
    this.send({ cmd: 'connack', returnCode: 0, sessionPresent: false });
    return packet;
  }
}

/** What a connection was told, in words, and the connections that the test's broker had. */
function openBroker(way: Partial<BrokerWay> & { readonly url: URL }) {
  const broker = new MqttBroker({ caFile: undefined, proxyUrl: undefined, ...way }, systemClock);
  onTestFinished(() => broker.close());
  const told = new Arrivals<string>();
  const user: BrokerUser = {
    onOpen: () => told.add('open'),
    onMessage: (topic, payload) => told.add(`${topic} ${Buffer.from(payload).toString('hex')}`),
    onDenied: (filter) => told.add(`denied ${filter}`),
    onClosed: (end: BrokerEnd) => told.add(end.kind === 'refused' ? `refused ${end.code}` : end.kind),
  };
  return { broker, connection: broker.connect(DEVICE, user), told };
}

interface Served {
  readonly port: number;
  readonly peers: Arrivals<Peer>;
  readonly certFile: string;
}

async function serve(kind: 'mqtt' | 'mqtts' | 'wss', name = 'IP:127.0.0.1'): Promise<Served> {
  const { keyFile, certFile } = makeCertificate(temporaryDirectory(), name);
  const files = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
  const peers = new Arrivals<Peer>();
  const sockets = new Set<Socket>();
  const join = (stream: ConstructorParameters<typeof BrokerLine>[0]) => peers.add(new Peer(new BrokerLine(stream)));
  const server: Server =
    kind === 'mqtt'
      ? createServer(join)
      : kind === 'mqtts'
        ? createTlsServer({ ...files, ALPNProtocols: ['mqtt'] }, join)
        : createHttpsServer(files).on('upgrade', (request, socket, head) => {
            join(acceptWebSocket(request, socket, head) as never);
          });
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  server.on('tlsClientError', () => {});
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, peers, certFile };
}

describe('a connection to the broker', () => {
  it.each(['mqtt', 'mqtts', 'wss'] as const)(
    'over %s logs in as the device, clean and without a will',
    async (kind) => {
      const { port, peers, certFile } = await serve(kind);
      const { connection, told } = openBroker({ url: new URL(`${kind}://127.0.0.1:${port}`), caFile: certFile });
      const peer = await peers.next();
      const packet = await peer.accept();
      expect(packet).toMatchObject({
        cmd: 'connect',
        protocolVersion: 4,
        clientId: 'device',
        username: 'the-key',
        password: Buffer.from('the-secret'),
        clean: true,
        keepalive: 60,
      });
      expect(packet).not.toHaveProperty('will');
      expect(await told.next()).toBe('open');
      connection.subscribe(['a', 'b']);
      const asked = await peer.packets.next();
      expect(asked).toMatchObject({
        cmd: 'subscribe',
        subscriptions: [
          { topic: 'a', qos: 0 },
          { topic: 'b', qos: 0 },
        ],
      });
      peer.send({ cmd: 'suback', messageId: asked.messageId as number, granted: [0, 0x80] });
      expect(await told.next()).toBe('denied b');
      const payload = Buffer.from([0, 255, 128, 10]);
      peer.send({ cmd: 'publish', topic: 'a', payload, qos: 0, dup: false, retain: false });
      expect(await told.next()).toBe('a 00ff800a');
      connection.unsubscribe(['a']);
      const given = await peer.packets.next();
      expect(given).toMatchObject({ cmd: 'unsubscribe', unsubscriptions: ['a'] });
      peer.send({ cmd: 'unsuback', messageId: given.messageId as number, granted: [] });
      connection.end();
      expect(await peer.packets.next()).toMatchObject({ cmd: 'disconnect' });
      await peer.closed;
    },
  );

  it('publishes at either QoS, and says when that is over', async () => {
    const { port, peers } = await serve('mqtt');
    const { connection, told } = openBroker({ url: new URL(`mqtt://127.0.0.1:${port}`) });
    const peer = await peers.next();
    await peer.accept();
    await told.next();
    connection.publish('up', Buffer.from([0, 255]), 1, () => told.add('taken'));
    const sent = await peer.packets.next();
    expect(sent).toMatchObject({ cmd: 'publish', topic: 'up', payload: Buffer.from([0, 255]), qos: 1, dup: false });
    peer.send({ cmd: 'puback', messageId: sent.messageId as number });
    expect(await told.next()).toBe('taken');
    connection.publish('up', Buffer.from('0'), 0, () => told.add('gone'));
    expect(await told.next()).toBe('gone');
    expect(await peer.packets.next()).toMatchObject({ cmd: 'publish', qos: 0, retain: false });
  });

  it.each([3, 4, 5])('that is refused with %i says so, and does not come back by itself', async (returnCode) => {
    const { port, peers } = await serve('mqtt');
    const { told } = openBroker({ url: new URL(`mqtt://127.0.0.1:${port}`) });
    const peer = await peers.next();
    await peer.packets.next();
    peer.send({ cmd: 'connack', returnCode, sessionPresent: false });
    expect(await told.next()).toBe(`refused ${returnCode}`);
    await peer.closed;
  });

  it('tells a connection that was lost from one that never was', async () => {
    const { port, peers } = await serve('mqtt');
    const url = new URL(`mqtt://127.0.0.1:${port}`);
    const first = openBroker({ url });
    (await peers.next()).cut();
    expect(await first.told.next()).toBe('hung up');
    const second = openBroker({ url });
    const peer = await peers.next();
    await peer.accept();
    expect(await second.told.next()).toBe('open');
    peer.cut();
    expect(await second.told.next()).toBe('lost');
    // Nobody listens there.
    const third = openBroker({ url: new URL('mqtts://127.0.0.1:1') });
    expect(await third.told.next()).toBe('unreachable');
  });

  it('sends no key to a broker whose certificate is not trusted, or is for another name', async () => {
    const { port, peers, certFile } = await serve('mqtts', 'DNS:broker.example');
    for (const caFile of [undefined, certFile]) {
      const { told } = openBroker({ url: new URL(`mqtts://127.0.0.1:${port}`), caFile });
      expect(await told.next()).toBe('unreachable');
    }
    expect(peers.takeAll().flatMap((peer) => peer.packets.takeAll())).toEqual([]);
  });

  it('goes through a proxy, by the name of the broker', async () => {
    const { port, peers, certFile } = await serve('mqtts', 'DNS:broker.example');
    const proxyPort = await openTunnels(() => ({ host: '127.0.0.1', port }));
    const proxyUrl = `http://user:pass@127.0.0.1:${proxyPort}`;
    const { told } = openBroker({ url: new URL('mqtts://broker.example'), caFile: certFile, proxyUrl });
    await (await peers.next()).accept();
    expect(await told.next()).toBe('open');
  });

  it('is closed when the broker announces more than any message may have', async () => {
    const { port, peers } = await serve('mqtt');
    const { told } = openBroker({ url: new URL(`mqtt://127.0.0.1:${port}`) });
    const peer = await peers.next();
    await peer.accept();
    await told.next();
    peer.send(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 0x61));
    peer.send(new Uint8Array(1_100_000));
    expect(await told.next()).toBe('lost');
  });

  it('has its end, though a PUBACK is missing or the broker has not answered', async () => {
    const { port, peers } = await serve('mqtt');
    const url = new URL(`mqtt://127.0.0.1:${port}`);
    const { broker, connection, told } = openBroker({ url });
    const peer = await peers.next();
    await peer.accept();
    await told.next();
    connection.publish('up', Buffer.from('1'), 1, () => told.add('taken'));
    const other = openBroker({ url });
    const silent = await peers.next();
    await Promise.all([broker.close(), other.broker.close()]);
    await Promise.all([peer.closed, silent.closed]);
    expect([told.takeAll(), other.told.takeAll()]).toEqual([[], []]);
  });
});
