import type { Asker } from '../../core/auth-ports.js';
import { mqttStrangers } from '../../core/bounds.js';
import type { SetAside } from '../../core/dead-letter.js';
import type { MqttTrouble } from '../../core/device-report.js';
import type { MqttTransport } from '../../core/metering/meters.js';
import type { Uplinks } from '../../core/uplink-ports.js';
import type { FrontContext } from '../front-context.js';
import type { MqttPorts, MqttSide } from '../mqtt-route.js';
import type { StrangerPlace } from '../stranger-sockets.js';
import { MqttConnection } from './connection.js';
import { DeviceLetters, type LetterFlood } from './device-letters.js';
import type { Line, LineUser } from './line.js';
import { LogIns } from './log-ins.js';
import type { MqttContext } from './mqtt-context.js';
import { type DeniedTopic, DeniedTopics, RecentTroubles, ToldLately } from './recent-troubles.js';
import { type FarLine, RelayedLine } from './relayed-line.js';
import { SocketLine } from './socket-line.js';
import { RefusalHolds, StrangerLines } from './stranger-lines.js';
import { type FlappingId, Takeovers } from './takeovers.js';
import { TcpListener } from './tcp-listener.js';
import { TlsFailures } from './tls-failures.js';

/** Devices that lost their connection at once are not to come back at once (contract 1.9.5). */
const JITTER_MS = 3_000;
/** Of the time that a stop allows, what jitter may take: closing takes some as well. */
const JITTER_SHARE = 0.9;
/** How often a stopping front looks whether everything is answered. */
const DRAIN_POLL_MS = 10;

/** Where to listen. */
export interface MqttAddress {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
}

export interface MqttOptions {
  /** Plain TCP; undefined: not served. */
  readonly listen: MqttAddress | undefined;
  readonly tlsListen: (MqttAddress & { readonly certFile: string; readonly keyFile: string }) | undefined;
  /** Beyond it new connections are refused. */
  readonly maxConnections: number;
  readonly maxInflight: number;
  readonly letters: SetAside;
  /** Undefined: no commands come down, and of what devices publish only states go up. */
  readonly uplinks: Uplinks | undefined;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly onFlapping: (flapping: FlappingId) => void;
  readonly onDenied: (denied: DeniedTopic) => void;
  readonly onLetterFlood: (flood: LetterFlood) => void;
  /** A connection was closed for a fault of our own. */
  readonly onFault: (error: unknown) => void;
}

/** The device side's MQTT, over TCP, TLS and the WebSockets that the front hands it (contract 1.9). */
export class MqttFront implements MqttSide {
  readonly #front: FrontContext;
  readonly #options: MqttOptions;
  readonly #context: MqttContext;
  readonly #plain: TcpListener | undefined;
  readonly #tls: TcpListener | undefined;
  readonly #connections = new Map<MqttConnection, MqttTransport>();
  readonly #troubles: RecentTroubles;
  readonly #toldFlapping: ToldLately;

  /** @throws Error when the TLS files cannot be used */
  constructor(front: FrontContext, options: MqttOptions) {
    const { clock, deviceLogin, authorizer } = front;
    const { listen, tlsListen, letters, uplinks, maxConnections, maxInflight } = options;
    const { onLetterFlood, onFault } = options;
    const strangers = new StrangerLines(mqttStrangers(maxConnections));
    this.#front = front;
    this.#options = options;
    this.#troubles = new RecentTroubles(clock);
    this.#toldFlapping = new ToldLately(clock);
    this.#context = {
      front,
      letters: new DeviceLetters(letters, clock, onLetterFlood),
      uplinks,
      logIns: new LogIns(deviceLogin, authorizer),
      takeovers: new Takeovers(clock, (flapping) => this.#onFlapping(flapping)),
      holds: new RefusalHolds(clock),
      strangers,
      denied: new DeniedTopics(clock, (denied) => this.#onDenied(denied)),
      onFault,
      maxInflight,
    };
    const tlsFailures = new TlsFailures(clock, front.refusals);
    const shared = {
      clock,
      strangers,
      onLine: (line: Line & { attach(user: LineUser): void }) => line.attach(this.#connect(line)),
      onNoHandshake: (address: string, code: string | undefined) => {
        front.meters.mqtt.connects.protocol++;
        tlsFailures.note(address, code);
      },
    };
    this.#plain = listen && new TcpListener({ ...shared, ...listen, tls: undefined });
    this.#tls = tlsListen && new TcpListener({ ...shared, ...tlsListen, tls: tlsListen });
  }

  async listen(): Promise<MqttPorts> {
    return { mqtt: await this.#plain?.listen(), mqtts: await this.#tls?.listen() };
  }

  renewCertificate(): void {
    this.#tls?.renewCertificate();
  }

  overSocket(peer: string, asker: Asker, place: StrangerPlace): SocketLine {
    return new SocketLine(peer, asker, place, (line) => this.#connect(line));
  }

  /** Such a WebSocket that another thread has. @param address what it counts under */
  overRelay(peer: string, address: string, far: FarLine): RelayedLine {
    return new RelayedLine(peer, address, far, (line) => this.#connect(line));
  }

  connections(): Record<MqttTransport, number> {
    const counts = { mqtt: 0, mqtts: 0, 'mqtt-ws': 0 };
    for (const transport of this.#connections.values()) counts[transport]++;
    return counts;
  }

  troubles(): MqttTrouble[] {
    return this.#troubles.recent();
  }

  transportOf(deviceId: string): MqttTransport | undefined {
    const holder = this.#context.takeovers.holderOf(deviceId);
    return holder === undefined ? undefined : this.#connections.get(holder as MqttConnection);
  }

  async close(withinMs: number): Promise<void> {
    const { clock } = this.#front;
    this.#plain?.close();
    this.#tls?.close();
    const jitterMs = JITTER_SHARE * Math.min(JITTER_MS, withinMs);
    const startedMs = clock.monotonicMs();
    const leaving = [...this.#connections.keys()].map((connection) => {
      connection.stop();
      return { connection, atMs: startedMs + jitterMs * this.#options.random() };
    });
    while (this.#connections.size > 0 && clock.monotonicMs() < startedMs + withinMs) {
      const nowMs = clock.monotonicMs();
      for (const { connection, atMs } of leaving) if (nowMs >= atMs && connection.isSettled) connection.end('stopping');
      await this.#poll();
    }
    for (const connection of [...this.#connections.keys()]) connection.end('stopping');
    while (this.#openSockets > 0 && clock.monotonicMs() < startedMs + withinMs) await this.#poll();
    this.#plain?.cutAll();
    this.#tls?.cutAll();
  }

  get #isFull(): boolean {
    return this.#connections.size > this.#options.maxConnections;
  }

  get #openSockets(): number {
    return (this.#plain?.openSockets ?? 0) + (this.#tls?.openSockets ?? 0);
  }

  #onFlapping(flapping: FlappingId): void {
    const { deviceId, takeovers, addresses } = flapping;
    const [before, now] = addresses;
    const from = before === now ? `${now}, one client or two` : `${before} and ${now}`;
    this.#troubles.note(
      'shared_id',
      deviceId,
      `its connection was taken over ${takeovers} times in a minute, from ${from}`,
    );
    if (this.#toldFlapping.isNews(deviceId)) this.#options.onFlapping(flapping);
  }

  #onDenied(denied: DeniedTopic): void {
    const { deviceId, use, topic } = denied;
    if (use === 'publish') {
      const words = `it publishes to "${topic}", which it may not; nothing of that is kept`;
      this.#troubles.note('denied_topic', deviceId, words);
    } else {
      const words = `it subscribes to "${topic}", which it may not; nothing of that comes down`;
      this.#troubles.note('denied_filter', deviceId, words);
    }
    this.#options.onDenied(denied);
  }

  #poll(): Promise<void> {
    return new Promise((resolve) => this.#front.clock.schedule(DRAIN_POLL_MS, resolve));
  }

  #connect(line: Line): MqttConnection {
    const connection = new MqttConnection(this.#context, line, (ended) => this.#connections.delete(ended));
    this.#connections.set(connection, line.transport);
    if (this.#front.stopping) connection.stop();
    else if (this.#isFull && !this.#context.strangers.silentGivesWay(connection)) connection.refuseForNumber();
    return connection;
  }
}
