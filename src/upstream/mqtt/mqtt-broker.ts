import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import type { IClientOptions, MqttClient } from 'mqtt';
import type { Clock } from '../../core/time/clock.js';
import type { UplinkDevice } from '../../core/uplink-ports.js';
import type { Broker, BrokerConnection, BrokerEnd, BrokerUser } from './broker.js';
import { BrokerDialer, type BrokerWay } from './broker-dialer.js';

const KEEP_ALIVE_SECONDS = 60;
const CONNACK_WITHIN_MS = 20_000;
/** For DISCONNECT, and PUBACKs that are missing. */
const END_WITHIN_MS = 1_000;
/** A SUBSCRIBE holds as many filters. */
const FILTERS_AT_ONCE = 20;
/** Of a packet: the cloud's messages have 256 KB at most, and the library would hold 256 MiB that somebody announces. */
const MAX_PACKET_BYTES = 1_048_576;
/** Subscribe granted none (MQTT 3.1.1, 3.9.3). */
const NOT_GRANTED = 0x80;

/** What a connection logs in with; without key and secret it says neither. */
type BrokerLogIn = Pick<UplinkDevice, 'deviceId'> & Partial<Pick<UplinkDevice, 'key' | 'secret'>>;

type Library = typeof import('mqtt');

/** The cloud's broker by a library, which is loaded with the first connection. */
export class MqttBroker implements Broker {
  readonly #way: BrokerWay;
  readonly #clock: Clock;
  readonly #dialer: BrokerDialer;
  readonly #connections = new Set<MqttConnection>();
  #library: Promise<Library> | undefined = undefined;

  /** @throws StatewayError STATEWAY_CONFIGURATION when the CA file cannot be read or holds no certificate */
  constructor(way: BrokerWay, clock: Clock) {
    this.#way = way;
    this.#clock = clock;
    this.#dialer = new BrokerDialer(way, clock);
  }

  connect(device: BrokerLogIn, user: BrokerUser): BrokerConnection {
    this.#library ??= import('mqtt');
    const { url } = this.#way;
    const parts = { url, clock: this.#clock, dialer: this.#dialer, library: this.#library };
    const connection = new MqttConnection(parts, device, user, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    return connection;
  }

  async close(): Promise<void> {
    for (const connection of [...this.#connections]) connection.end();
    await Promise.all([...this.#connections].map(({ closed }) => closed));
    this.#dialer.close();
  }
}

interface ConnectionParts {
  readonly url: URL;
  readonly clock: Clock;
  readonly dialer: BrokerDialer;
  readonly library: Promise<Library>;
}

/** One connection: the library's client, kept from connecting anew by itself. */
class MqttConnection implements BrokerConnection {
  /** Resolves when nothing of it is left. */
  readonly closed: Promise<void>;
  readonly #parts: ConnectionParts;
  readonly #device: BrokerLogIn;
  readonly #user: BrokerUser;
  #client: MqttClient | undefined = undefined;
  #socket: Socket | undefined = undefined;
  #refusal: number | undefined = undefined;
  #words = '';
  #hasOpened = false;
  #isEnding = false;
  #isClosed = false;
  #giveUp: () => void = () => {};
  #cancelEnding: () => void = () => {};
  #onClosed: () => void = () => {};

  constructor(parts: ConnectionParts, device: BrokerLogIn, user: BrokerUser, onClosed: () => void) {
    this.#parts = parts;
    this.#device = device;
    this.#user = user;
    this.closed = new Promise((resolve) => {
      this.#onClosed = () => {
        onClosed();
        resolve();
      };
    });
    this.#giveUp = parts.dialer.open((error, socket) => void this.#begin(error, socket));
  }

  subscribe(filters: readonly string[]): void {
    for (let at = 0; at < filters.length; at += FILTERS_AT_ONCE)
      this.#subscribe(filters.slice(at, at + FILTERS_AT_ONCE));
  }

  unsubscribe(filters: readonly string[]): void {
    for (let at = 0; at < filters.length; at += FILTERS_AT_ONCE) {
      this.#client?.unsubscribe(filters.slice(at, at + FILTERS_AT_ONCE), () => {});
    }
  }

  publish(topic: string, payload: Uint8Array, qos: 0 | 1, onGone: () => void): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    this.#client?.publish(topic, bytes, { qos }, () => {
      if (!this.#isClosed) onGone();
    });
  }

  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    if (this.#client === undefined || !this.#hasOpened) {
      this.#giveUp();
      this.#socket?.destroy();
      if (this.#client === undefined) this.#close({ kind: 'lost' });
      return;
    }
    this.#client.end();
    this.#cancelEnding = this.#parts.clock.schedule(END_WITHIN_MS, () => this.#socket?.destroy());
  }

  async #begin(error: Error | undefined, socket: Socket | undefined): Promise<void> {
    if (socket === undefined) {
      this.#close({ kind: 'unreachable', words: error?.message ?? '' });
      return;
    }
    this.#socket = socket;
    // The library has its own listener, but for a socket that fails before it has it.
    socket.on('error', (failure) => {
      this.#words = failure.message;
    });
    const library = await this.#parts.library;
    if (this.#isEnding || socket.destroyed) {
      socket.destroy();
      this.#close({ kind: 'unreachable', words: this.#words });
      return;
    }
    this.#client = this.#clientOn(library, socket);
    this.#listen(this.#client);
  }

  #clientOn({ connect, MqttClient: Client }: Library, socket: Socket): MqttClient {
    const { deviceId: clientId, key: username, secret: password } = this.#device;
    const options: IClientOptions = {
      clientId,
      ...(username !== undefined && password !== undefined && { username, password }),
      protocolVersion: 4,
      clean: true,
      keepalive: KEEP_ALIVE_SECONDS,
      connectTimeout: CONNACK_WITHIN_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      timerVariant: 'native',
      // Its own writes down what is sent, CONNECT included, where the environment has DEBUG.
      log: () => {},
    };
    const { url, dialer } = this.#parts;
    if (url.protocol.startsWith('mqtt')) return new Client(() => socket, options);
    const agent = new Agent();
    agent.createConnection = () => socket;
    const path = url.pathname === '' ? '/' : url.pathname;
    const host = dialer.host.includes(':') ? `[${dialer.host}]` : dialer.host;
    // Without TLS, which the socket has already where it is to have it.
    return connect(`ws://${host}:${dialer.port}${path}`, {
      ...options,
      wsOptions: { agent, maxPayload: MAX_PACKET_BYTES, perMessageDeflate: false },
    });
  }

  #listen(client: MqttClient): void {
    let unreadBytes = 0;
    client.stream.on('data', (chunk: Uint8Array) => {
      unreadBytes += chunk.length;
      if (unreadBytes > MAX_PACKET_BYTES) this.#socket?.destroy();
    });
    client.on('packetreceive', () => {
      unreadBytes = 0;
    });
    client.on('connect', () => {
      this.#hasOpened = true;
      if (!this.#isEnding) this.#user.onOpen();
    });
    client.on('message', (topic, payload) => {
      if (!this.#isEnding) this.#user.onMessage(topic, payload);
    });
    client.on('error', (error: Error & { code?: unknown }) => {
      // A number is the broker's; those of the system are words.
      if (typeof error.code === 'number' && !this.#hasOpened) this.#refusal = error.code;
    });
    client.on('close', () => this.#close(this.#end()));
  }

  #end(): BrokerEnd {
    if (this.#refusal !== undefined) return { kind: 'refused', code: this.#refusal };
    return { kind: this.#hasOpened ? 'lost' : 'hung up' };
  }

  #subscribe(filters: string[]): void {
    this.#client?.subscribe(filters, { qos: 0 }, (_error, _granted, packet) => {
      const codes: readonly unknown[] = packet?.granted ?? [];
      for (const [index, code] of codes.entries()) {
        if (code === NOT_GRANTED && !this.#isEnding) this.#user.onDenied(filters[index] as string);
      }
    });
  }

  #close(end: BrokerEnd): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelEnding();
    this.#socket?.destroy();
    if (!this.#isEnding) this.#user.onClosed(end);
    this.#onClosed();
  }
}
