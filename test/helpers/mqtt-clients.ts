import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectFive, type MqttClient } from 'mqtt';
import { generate, type IConnectPacket, type Packet, parser } from 'mqtt-packet';
import { connect as connectFour } from 'mqtt4';
import { onTestFinished } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { Arrivals } from './arrivals.js';
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

/** A client that has its CONNACK; it is ended with the running test. */
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
  await new Promise<void>((resolve) => client.once('connect', () => resolve()));
  return client;
}

/** Publishes at QoS 1; resolves when the PUBACK is there. */
export function publishAcknowledged(client: MqttClient, topic: string, payload: string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.publish(topic, payload, { qos: 1 }, (error) => (error ? reject(error) : resolve()));
  });
}

/** A TCP connection to the port of MQTT: sends any bytes, and reads packets. */
export class RawMqtt {
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  isClosed = false;
  readonly #socket: Socket;
  readonly #packets = new Arrivals<Packet>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    const reading = parser({ protocolVersion: 4 });
    reading.on('packet', (packet) => this.#packets.add(packet));
    socket.on('data', (bytes) => reading.parse(bytes));
    // A reset is one of the ways in which a server ends a connection.
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.isClosed = true;
        resolve();
      });
    });
  }

  /** Connects; the connection is destroyed when the running test is over. */
  static async open(port: number): Promise<RawMqtt> {
    const socket = connectTcp(port, '127.0.0.1');
    socket.setNoDelay(true);
    onTestFinished(() => void socket.destroy());
    const raw = new RawMqtt(socket);
    await once(socket, 'connect');
    return raw;
  }

  /** Writes; resolves when the bytes are with the kernel, or cannot be. */
  send(...packets: readonly (Packet | Uint8Array)[]): Promise<void> {
    const parts = packets.map((packet) => (packet instanceof Uint8Array ? packet : generate(packet)));
    return new Promise((resolve) => {
      this.#socket.write(Buffer.concat(parts), () => resolve());
    });
  }

  next(): Promise<Packet> {
    return this.#packets.next();
  }

  /** Packets that came and were not read. */
  get unread(): Packet[] {
    return this.#packets.takeAll();
  }

  destroy(): void {
    this.#socket.destroy();
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
