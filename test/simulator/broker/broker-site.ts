import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { generate, type IConnectPacket, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { afterEach, beforeEach } from 'vitest';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import { CloudBench } from '../cloud-bench.js';

/** A simulated cloud with its broker for each test of a file, with a clock the test moves, and who connects to it. */
export class BrokerSite extends CloudBench {
  mqttUrl = '';
  readonly #clients: MqttClient[] = [];
  readonly #raw: RawMqtt[] = [];

  constructor() {
    super();
    beforeEach(async () => {
      this.mqttUrl = await this.cloud.startBroker({ host: '127.0.0.1', port: 0 });
    });
    afterEach(async () => {
      for (const raw of this.#raw.splice(0)) raw.socket.destroy();
      await Promise.all(this.#clients.splice(0).map((client) => client.endAsync(true)));
    });
  }

  get port(): number {
    return Number(new URL(this.mqttUrl).port);
  }

  get stateTopic(): string {
    return `losant/${this.device.deviceId}/state`;
  }

  get commandTopic(): string {
    return `losant/${this.device.deviceId}/command`;
  }

  /** A client that has its CONNACK, and does not connect again. */
  async client(device: PlannedDevice = this.device, options: IClientOptions = {}): Promise<MqttClient> {
    const client = connect(this.mqttUrl, { ...credentialsOf(device), reconnectPeriod: 0, ...options });
    this.#clients.push(client);
    client.on('error', () => {});
    await next(client, 'connect');
    return client;
  }

  /** A connection on which the test sends packets by itself. */
  async raw(): Promise<RawMqtt> {
    const socket = connectSocket(this.port, '127.0.0.1');
    const raw = new RawMqtt(socket);
    this.#raw.push(raw);
    await once(socket, 'connect');
    return raw;
  }

  /** Logs in as the device, or as changed. @returns the code of the CONNACK, or that it was closed */
  async connect(raw: RawMqtt, change: Partial<IConnectPacket> = {}): Promise<number | 'closed'> {
    const { clientId, username, password } = credentialsOf(this.device);
    const packet = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 60 } as const;
    raw.send({ ...packet, clientId, username, password: Buffer.from(password), ...change });
    const answer = await raw.next();
    return answer === 'closed' ? 'closed' : ((answer as { returnCode?: number }).returnCode ?? -1);
  }
}

/** The next event of that name, with its arguments. */
export function next(client: MqttClient, event: 'connect' | 'close' | 'message'): Promise<unknown[]> {
  return new Promise((resolve) => client.once(event, (...args: unknown[]) => resolve(args)));
}

/** Resolves when it is so; a test that waits for ever fails by its time. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Packets, one after another. */
export class RawMqtt {
  readonly socket: Socket;
  readonly #arrived: (Packet | 'closed')[] = [];
  #onArrived: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    const packets = parser();
    packets.on('packet', (packet) => this.#take(packet));
    socket.on('data', (chunk) => packets.parse(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#take('closed'));
  }

  send(...packets: Packet[]): void {
    this.socket.write(Buffer.concat(packets.map((packet) => generate(packet))));
  }

  /** The next packet, or that there will be none. */
  async next(): Promise<Packet | 'closed'> {
    while (this.#arrived.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onArrived = resolve;
      });
    }
    const [first] = this.#arrived;
    return first === 'closed' ? first : (this.#arrived.shift() as Packet);
  }

  /** All packets until it is closed. */
  async rest(): Promise<Packet[]> {
    const packets: Packet[] = [];
    for (let next = await this.next(); next !== 'closed'; next = await this.next()) packets.push(next);
    return packets;
  }

  #take(arrived: Packet | 'closed'): void {
    this.#arrived.push(arrived);
    this.#onArrived();
  }
}

export function credentialsOf(device: PlannedDevice): { clientId: string; username: string; password: string } {
  const { key = '', secret = '' } = device.credentials ?? {};
  return { clientId: device.deviceId, username: key, password: secret };
}

/** A PUBLISH of QoS 1 with the id 1, or as changed. */
export function publishOf(topic: string, payload: string, change: Partial<IPublishPacket> = {}): IPublishPacket {
  return { cmd: 'publish', topic, payload, qos: 1, messageId: 1, dup: false, retain: false, ...change };
}
