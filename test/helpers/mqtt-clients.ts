import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectFive, MqttClient } from 'mqtt';
import { generate, type IConnectPacket, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { Client as ClientFour, connect as connectFour } from 'mqtt4';
import { onTestFinished } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { Arrivals } from './arrivals.js';
import { OPCODE, RawWebSocket } from './raw-websocket.js';
import type { RunningProxy } from './running-proxy.js';

/** Ports of a running proxy's MQTT, from the line that says that it is ready. */
export function mqttAddress(proxy: RunningProxy, over: 'mqttListen' | 'mqttTlsListen' = 'mqttListen'): string {
  const ready = proxy.log.find(({ event }) => event === 'ready');
  return String(ready?.[over]);
}

export function mqttPort(proxy: RunningProxy): number {
  return Number(mqttAddress(proxy).split(':').at(-1));
}

export function stateTopic({ deviceId }: PlannedDevice): string {
  return `losant/${deviceId}/state`;
}

/** The two versions of mqtt.js that devices have: 4.3.8 comes with the vendor's client for JavaScript. */
export const MQTT_CLIENTS = { 'mqtt 4.3.8': connectFour, 'mqtt 5.16.0': connectFive } as const;

/**
 * A client that has its CONNACK; it is ended with the running test.
 * @throws Error when its connection is closed instead
 */
export async function connectClient(
  version: keyof typeof MQTT_CLIENTS,
  url: string,
  device: PlannedDevice,
  options: Record<string, unknown> = {},
): Promise<MqttClient> {
  const client = (MQTT_CLIENTS[version] as typeof connectFive)(url, {
    clientId: device.deviceId,
    username: device.credentials?.key as string,
    password: device.credentials?.secret as string,
    protocolVersion: 4,
    reconnectPeriod: 0,
    ...options,
  });
  onTestFinished(() => void client.end(true));
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    // Of what goes wrong with a certificate mqtt.js says nothing but that the connection is closed.
    client.once('close', () => reject(new Error(`${version} has no CONNACK of ${url}, and its connection is closed`)));
    client.on('error', reject);
  });
  return client;
}

/** A client that connects to the proxy as it runs now, again whenever it is disconnected; it is ended with the running test. */
export function reconnectingClient(
  version: keyof typeof MQTT_CLIENTS,
  portNow: () => number,
  device: PlannedDevice,
): MqttClient {
  const Client = version === 'mqtt 4.3.8' ? (ClientFour as unknown as typeof MqttClient) : MqttClient;
  const client = new Client(() => connectTcp(portNow(), '127.0.0.1'), {
    clientId: device.deviceId,
    username: device.credentials?.key as string,
    password: device.credentials?.secret as string,
    protocolVersion: 4,
    reconnectPeriod: 100,
  });
  onTestFinished(() => void client.end(true));
  // While the proxy is away nobody takes its connections.
  client.on('error', () => {});
  return client;
}

/** Publishes at QoS 1; resolves when the PUBACK is there. */
export function publishAcknowledged(client: MqttClient, topic: string, payload: string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.publish(topic, payload, { qos: 1 }, (error) => (error ? reject(error) : resolve()));
  });
}

/** What a connection for MQTT is made of. */
interface Wire {
  /** Resolves when the bytes are with the kernel, or cannot be. */
  send(bytes: Uint8Array): Promise<void>;
  destroy(): void;
  /** Resolves when it is gone, whoever ended it. */
  readonly closed: Promise<void>;
}

/** A connection for MQTT: sends any bytes, and reads packets. */
export class RawMqtt {
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  readonly #wire: Wire;
  readonly #packets = new Arrivals<Packet>();
  readonly #parser = parser({ protocolVersion: 4 });

  private constructor(wire: Wire) {
    this.#wire = wire;
    this.closed = wire.closed;
    this.#parser.on('packet', (packet) => this.#packets.add(packet));
  }

  /** Connects over TCP; the connection is destroyed when the running test is over. */
  static async open(port: number): Promise<RawMqtt> {
    const socket = connectTcp(port, '127.0.0.1');
    socket.setNoDelay(true);
    onTestFinished(() => void socket.destroy());
    // A reset is one of the ways in which a server ends a connection.
    socket.on('error', () => {});
    const raw = new RawMqtt({
      send: (bytes) => new Promise((resolve) => socket.write(bytes, () => resolve())),
      destroy: () => void socket.destroy(),
      closed: new Promise((resolve) => socket.once('close', () => resolve())),
    });
    socket.on('data', (bytes) => raw.#parser.parse(bytes));
    await once(socket, 'connect');
    return raw;
  }

  /** The same over a WebSocket, at the port of HTTP: what is sent at once is one frame. */
  static async openSocket(port: number): Promise<RawMqtt> {
    const socket = await RawWebSocket.open(port, '/mqtt', { 'Sec-WebSocket-Protocol': 'mqtt' });
    if (socket.upgrade.status !== 101) throw new Error(`the upgrade was answered ${socket.upgrade.status}`);
    const raw = new RawMqtt({
      send: (bytes) => socket.send(OPCODE.binary, bytes),
      destroy: () => socket.connection.destroy(),
      closed: socket.connection.closed,
    });
    void raw.#readFrames(socket);
    return raw;
  }

  send(...packets: readonly (Packet | Uint8Array)[]): Promise<void> {
    const parts = packets.map((packet) => (packet instanceof Uint8Array ? packet : generate(packet)));
    return this.#wire.send(Buffer.concat(parts));
  }

  next(): Promise<Packet> {
    return this.#packets.next();
  }

  /** Packets that came and were not read. */
  get unread(): Packet[] {
    return this.#packets.takeAll();
  }

  destroy(): void {
    this.#wire.destroy();
  }

  async #readFrames(socket: RawWebSocket): Promise<void> {
    for (;;) {
      // It fails when the connection is gone.
      const frame = await socket.nextFrame().catch(() => undefined);
      if (frame === undefined) return;
      if (frame.opcode === OPCODE.binary) this.#parser.parse(frame.payload);
    }
  }
}

/** The CONNECT of a device. */
export function connectPacket(
  { deviceId, credentials }: PlannedDevice,
  more: Partial<IConnectPacket> = {},
): IConnectPacket {
  return {
    cmd: 'connect',
    clientId: deviceId,
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 60,
    username: credentials?.key as string,
    password: Buffer.from(credentials?.secret as string),
    ...more,
  };
}

/** A state of a device, at QoS 1. */
export function publishPacket(device: PlannedDevice, payload: string, messageId: number): IPublishPacket {
  return { cmd: 'publish', topic: stateTopic(device), payload, qos: 1, messageId, dup: false, retain: false };
}
