import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Aedes, Client, ConnectPacket, PublishPacket, Subscription } from 'aedes';
import type { Clock } from '../../core/time/clock.js';
import type { CloudApi } from '../cloud-api.js';
import type { FaultPlan } from '../cloud-faults.js';
import { CloudRefusal } from '../cloud-http.js';
import { objectionOf } from '../state-objection.js';
import { BanList } from './ban-list.js';
import { type BrokerCounts, type BrokerDevice, BrokerTally, type Offence } from './broker-counts.js';
import { type BrokerLimits, NamedWindows } from './broker-limits.js';
import { BrokerLine, BrokerSession } from './broker-session.js';
import { CONNACK, connackOf, type Refusal, refusalOf } from './connect-rules.js';
import { deviceTopicOf, TopicAccess } from './topic-access.js';
import { acceptWebSocket } from './websocket-stream.js';

/** What the broker is part of. */
export interface BrokerContext {
  /** Who there is, and where states go. */
  readonly api: CloudApi;
  readonly clock: Clock;
  readonly faults: FaultPlan;
  readonly limits: BrokerLimits;
}

/** Whether a fault can befall a connection that is there already. */
const LASTING = (kind: string): boolean => kind === 'outage' || kind === 'hang';

/**
 * The cloud's broker: a library's, loaded when it is first started, with what the cloud's own allows and forbids on top
 * (docs/cloud.md, "The broker"). States go into the ledger before they are acknowledged.
 */
export class SimulatedBroker {
  readonly #context: BrokerContext;
  readonly #bans: BanList;
  readonly #connects: NamedWindows;
  readonly #topics: NamedWindows;
  readonly #lines = new Set<BrokerLine>();
  readonly #sessions = new WeakMap<Client, BrokerSession>();
  /** The connection of each device that has one, the latest. */
  readonly #connected = new Map<string, BrokerSession>();
  readonly #acceptedOf = new Map<string, number>();
  /** How many devices a message of ours went to, by its payload, which each copy of it shares. */
  readonly #handedOver = new WeakMap<object, number>();
  #tally = new BrokerTally();
  #aedes: Aedes | undefined;
  #server: Server | undefined;

  constructor(context: BrokerContext) {
    const { clock, limits } = context;
    this.#context = context;
    this.#bans = new BanList(limits.ban, clock);
    this.#connects = new NamedWindows(limits.windowMs);
    this.#topics = new NamedWindows(limits.windowMs);
  }

  /**
   * Listens for TCP; port 0 takes a free one.
   * @returns the URL
   */
  async start(listen: { readonly host: string; readonly port: number }): Promise<string> {
    const { Aedes } = await import('aedes');
    const aedes = new Aedes({
      maxClientsIdLength: Number.POSITIVE_INFINITY,
      preConnect: (client, packet, done) => this.#onConnect(client, packet, done),
      authorizePublish: (client, packet, done) => {
        // What comes of no client is a message of the cloud's own.
        const reason = client === null ? null : this.#takeMessage(client, packet);
        if (reason === null) done();
        // The library cuts the connection at once: first the PUBACKs of what stood before are to be written.
        else setImmediate(done, reason);
      },
      authorizeSubscribe: (client, subscription, done) => done(null, this.#granted(client, subscription)),
      authorizeForward: (client, packet) => (this.#mayHandOver(client, packet) ? packet : null),
    });
    await aedes.listen();
    aedes.on('unsubscribe', (filters, client) => this.#sessions.get(client)?.unsubscribe(filters));
    this.#aedes = aedes;
    const server = createServer((socket) => this.accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(listen.port, listen.host, resolve);
    });
    this.#server = server;
    const address = server.address() as { address: string; family: string; port: number };
    return `mqtt://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }

  /** Serves MQTT on a byte stream that somebody else accepted, as on one of TLS. */
  accept(socket: Duplex): void {
    const line = new BrokerLine(socket);
    this.#lines.add(line);
    socket.on('close', () => this.#lines.delete(line));
    if (this.#aedes === undefined) line.cut();
    else this.#aedes.handle(line);
  }

  /** Serves MQTT in the frames of a WebSocket, where somebody else was asked for one. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const stream = this.#aedes === undefined ? undefined : acceptWebSocket(request, socket, head);
    if (stream === undefined) socket.destroy();
    else this.accept(stream);
  }

  /** Cuts every connection and stops listening. */
  async close(): Promise<void> {
    const server = this.#server;
    const aedes = this.#aedes;
    this.#server = undefined;
    this.#aedes = undefined;
    if (server === undefined || aedes === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const line of this.#lines) line.cut();
    await closed;
    await new Promise<void>((resolve) => aedes.close(resolve));
  }

  /** Makes the faults in force befall the connections there are; those that hang from faults before are cut. */
  applyFaults(): void {
    for (const line of this.#lines) if (line.isSilent) line.cut();
    for (const { device, line } of this.#connected.values()) {
      const fault = this.#context.faults.take('mqtt', device.deviceId, LASTING);
      if (fault?.kind === 'outage') line.cut();
      if (fault?.kind === 'hang') line.fallSilent();
    }
  }

  /** Ends the device's connection, if it has one. */
  disconnect(deviceId: string): void {
    this.#connected.get(deviceId)?.line.cut();
  }

  /**
   * Publishes a message of the cloud's, byte for byte.
   * @returns to how many devices it went
   */
  async publish(topic: string, payload: Buffer): Promise<number> {
    const aedes = this.#aedes;
    if (aedes === undefined) return 0;
    const packet: PublishPacket = { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false };
    await new Promise<void>((resolve) => aedes.publish(packet, () => resolve()));
    return this.#handedOver.get(payload) ?? 0;
  }

  counts(): BrokerCounts {
    return this.#tally.counts(this.#connected.size);
  }

  deviceCounts(deviceId: string): BrokerDevice {
    const session = this.#connected.get(deviceId);
    return {
      deviceId,
      connected: session !== undefined,
      subscriptions: session?.subscriptions ?? [],
      accepted: this.#acceptedOf.get(deviceId) ?? 0,
      bannedForMs: this.#bans.remainingMs(deviceId),
    };
  }

  /** Forgets counts, windows and bans; connections stay. */
  reset(): void {
    this.#tally = new BrokerTally();
    this.#acceptedOf.clear();
    this.#bans.clear();
    this.#connects.clear();
    this.#topics.clear();
  }

  #onConnect(client: Client, packet: ConnectPacket, done: (error: Error | null, isGood: boolean) => void): void {
    const line = client.conn as BrokerLine;
    const deviceId = packet.clientId.toLowerCase();
    const fault = this.#context.faults.take('mqtt', deviceId);
    if (fault?.kind === 'outage') line.cut();
    if (fault?.kind === 'hang') line.fallSilent();
    if (line.destroyed || line.isSilent) return;
    const refusal: Refusal | undefined =
      fault?.kind === 'refuse-connect'
        ? { reason: 'fault', code: fault.code }
        : (refusalOf(packet) ?? this.#refusalOf(deviceId, packet));
    if (refusal !== undefined) {
      this.#tally.refuse(refusal.reason);
      const end = (): void => done(new Error(refusal.reason), false);
      if (refusal.code === undefined) end();
      else line.end(connackOf(refusal.code), end);
      return;
    }
    // Two spellings of an id are one device, and take over from each other.
    packet.clientId = deviceId;
    this.#openSession(client, line, deviceId);
    done(null, true);
  }

  /** What speaks against a log-in that is whole. */
  #refusalOf(deviceId: string, { username, password }: ConnectPacket): Refusal | undefined {
    const { api, clock, limits } = this.#context;
    const applicationId = api.device(deviceId)?.applicationId;
    if (applicationId !== undefined) {
      const count = this.#connects.add(applicationId, clock.monotonicMs());
      this.#tally.maxConnectsInWindow = Math.max(this.#tally.maxConnectsInWindow, count);
      if (count > limits.connectsPerApplication) return { reason: 'too-many-connections', code: CONNACK.unavailable };
    }
    if (api.deviceWith(deviceId, username, String(password)) === undefined) {
      return { reason: 'credentials', code: CONNACK.unauthorized };
    }
    return this.#bans.remainingMs(deviceId) > 0 ? { reason: 'banned', code: undefined } : undefined;
  }

  #openSession(client: Client, line: BrokerLine, deviceId: string): void {
    const { api, limits } = this.#context;
    const device = api.device(deviceId);
    if (device === undefined) return;
    const isGatewayOf = (other: string): boolean => api.device(other)?.gatewayId === deviceId;
    const access = new TopicAccess(device, api.accessOf(deviceId), isGatewayOf);
    const session = new BrokerSession(device, line, access, limits.windowMs);
    this.#sessions.set(client, session);
    this.#connected.set(deviceId, session);
    this.#tally.accepted++;
    this.#acceptedOf.set(deviceId, (this.#acceptedOf.get(deviceId) ?? 0) + 1);
    line.on('close', () => {
      if (this.#connected.get(deviceId) === session) this.#connected.delete(deviceId);
    });
  }

  /** Takes a message in. @returns why not, which ends the connection */
  #takeMessage(client: Client, packet: PublishPacket): Error | null {
    const session = this.#sessions.get(client);
    // What stood behind an offence in the same segment.
    if (session === undefined || (session.hasOffended && !client.closed)) return new Error('closed');
    // A will comes when the connection has ended, and is no more of an offence than it.
    const offence = client.closed ? undefined : this.#offenceOf(session, packet);
    if (offence !== undefined) {
      this.#punish(session, offence);
      return new Error(offence);
    }
    if (!session.access.mayPublish(packet.topic)) return new Error('topic');
    this.#tally.messagesUp++;
    const own = deviceTopicOf(packet.topic);
    return own?.part === 'state' ? this.#store(own.deviceId, packet.payload) : null;
  }

  #offenceOf(session: BrokerSession, { topic, payload, qos, retain }: PublishPacket): Offence | undefined {
    const { clock, limits } = this.#context;
    if (qos === 2) return 'qos';
    if (retain) return 'retain';
    if (Buffer.byteLength(payload) > limits.maxPayloadBytes) return 'size';
    if (!session.access.mayPublish(topic)) return 'topic';
    const count = this.#topics.add(`up ${session.device.deviceId} ${topic}`, clock.monotonicMs());
    this.#tally.maxMessagesInWindow = Math.max(this.#tally.maxMessagesInWindow, count);
    if (count > limits.messagesPerTopic) return 'topic-rate';
    return session.noteMessage(clock.monotonicMs()) > limits.messagesPerConnection ? 'connection-rate' : undefined;
  }

  #punish(session: BrokerSession, offence: Offence): void {
    session.hasOffended = true;
    this.#tally.offend(offence);
    if (offence === 'topic-rate' || offence === 'connection-rate') this.#bans.ban(session.device.deviceId);
  }

  /** @returns an error when a fault cuts the connection for this state */
  #store(deviceId: string, payload: string | Buffer): Error | null {
    const { api, faults } = this.#context;
    const objection = objectionOf(faults.takeStateFaults('mqtt', deviceId));
    try {
      api.storeStates(deviceId, JSON.parse(String(payload)), objection);
    } catch (error) {
      if (!(error instanceof CloudRefusal || error instanceof SyntaxError)) return error as Error;
      // MQTT has no way to say that a state is none.
      this.#tally.statesRefused++;
    }
    return null;
  }

  #granted(client: Client, subscription: Subscription): Subscription | null {
    const session = this.#sessions.get(client);
    if (session === undefined || subscription.qos !== 0 || !session.access.maySubscribe(subscription.topic)) {
      this.#tally.subscriptionsRefused++;
      return null;
    }
    session.subscribe(subscription.topic);
    return subscription;
  }

  #mayHandOver(client: Client, { topic, payload }: PublishPacket): boolean {
    const { clock, limits } = this.#context;
    const session = this.#sessions.get(client);
    if (session === undefined || session.line.isSilent) return false;
    const count = this.#topics.add(`down ${session.device.deviceId} ${topic}`, clock.monotonicMs());
    const ofConnection = session.noteMessage(clock.monotonicMs());
    if (count > limits.messagesPerTopic || ofConnection > limits.messagesPerConnection) {
      this.#tally.droppedDown++;
      return false;
    }
    this.#tally.messagesDown++;
    if (typeof payload === 'object') this.#handedOver.set(payload, (this.#handedOver.get(payload) ?? 0) + 1);
    return true;
  }
}
