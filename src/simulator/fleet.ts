import { Agent } from 'undici';
import { pause } from '../core/time/clock.js';
import { JsonPoster } from './fleet-http.js';
import { DEFAULT_SEED, planFleet } from './fleet-plan.js';
import type { DeviceReport } from './fleet-report.js';
import { type FleetSender, type Transport, timeFormOf, transportsOf } from './fleet-sender.js';
import { DeviceSession } from './fleet-session.js';
import { FleetTally, OutgoingState } from './fleet-tally.js';
import { HttpSender } from './http-sender.js';
import { MqttSender, type MqttWay } from './mqtt-sender.js';
import type { RecordedData } from './recorded-data.js';
import { SocketSender } from './socket-sender.js';

/** A fleet and what it is to do. */
export interface FleetOptions {
  /** Base URL of the proxy (or of the cloud itself, for devices that report by POST). */
  readonly url: string;
  readonly devices: number;
  readonly seconds: number;
  /** States per second of each device, at most {@link MAX_RATE_HZ}. */
  readonly rateHz: number;
  /** Share of the devices that report over WebSocket, 0 to 1. */
  readonly wsShare: number;
  /** Those that report by MQTT; none unless given. */
  readonly mqtt?: {
    /** Share of the devices, 0 to 1, and together with `wsShare` at most 1. */
    readonly share: number;
    /** Of the broker: the proxy, or the cloud itself. */
    readonly url: string;
    readonly qos: 0 | 1;
  };
  readonly seed: string;
}

/** States that the devices send together. */
export function plannedStates({
  devices,
  rateHz,
  seconds,
}: Pick<FleetOptions, 'devices' | 'rateHz' | 'seconds'>): number {
  return Math.floor(devices * rateHz * seconds);
}

/** What a fleet measured. */
export interface FleetResult {
  readonly sent: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly givenUp: number;
  readonly unanswered: number;
  /** Sent by MQTT with QoS 0, which says nothing back. */
  readonly unconfirmed: number;
  readonly retries: number;
  /** From the first state to the last answer. */
  readonly elapsedSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly lastTrouble: string | undefined;
}

/** The demo's load, and what `simulate fleet` does unless told otherwise. */
export const DEFAULT_LOAD = {
  devices: 100,
  seconds: 10,
  rateHz: 5,
  wsShare: 0.5,
  mqttShare: 0,
  mqttQos: 1,
  seed: DEFAULT_SEED,
} as const;

/** Times are whole milliseconds and a device's must differ: no more than one state a millisecond. */
export const MAX_RATE_HZ = 1_000;

/** One timer serves all devices; a state leaves at most this long after it is due. */
const TICK_MS = 5;
const LOGINS_AT_ONCE = 50;
/** How long the sending waits for connections, so that the first answers are not measured with the connecting. */
const CONNECT_WITHIN_MS = 5_000;
/** How long answers are waited for after the last state. */
const SETTLE_WITHIN_MS = 5_000;

/**
 * Devices that replay recorded data at a fixed pace, whatever the answers do (open loop). States leave in turn, device
 * after device, evenly spread over time. Four fifths of the devices stamp their states, in each of the forms the
 * cloud takes; the others leave the time to the receiver.
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #data: RecordedData;
  readonly #poster: JsonPoster;
  readonly #agent = new Agent();
  readonly #tally = new FleetTally();
  readonly #sessions: DeviceSession[];
  readonly #transports: readonly Transport[];
  readonly #states: OutgoingState[][];
  #senders: FleetSender[] = [];
  #isStopped = false;

  constructor(options: FleetOptions, data: RecordedData) {
    this.#options = options;
    this.#data = data;
    this.#poster = new JsonPoster(options.url);
    this.#sessions = planFleet(options.devices, options.seed).map((device) => new DeviceSession(device, this.#poster));
    this.#transports = transportsOf(options.devices, { ws: options.wsShare, mqtt: options.mqtt?.share ?? 0 });
    this.#states = this.#sessions.map(() => []);
  }

  /** Counts so far. */
  progress(): { sent: number; acknowledged: number } {
    return { sent: this.#tally.sent, acknowledged: this.#tally.acknowledged };
  }

  /** What each device sent, for the ledger. */
  *reports(): Iterable<DeviceReport> {
    for (const [index, session] of this.#sessions.entries()) {
      yield { deviceId: session.device.deviceId, states: this.#states[index] as OutgoingState[] };
    }
  }

  /** Ends the sending early; {@link run} then settles and returns as ever. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Logs every device in that needs a token, connects, sends, waits for the answers (no longer than 5 s), and disconnects.
   * @throws Error when a device cannot log in
   */
  async run(): Promise<FleetResult> {
    try {
      await this.#logInAll();
      if (!this.#isStopped) await this.#startSenders();
      await this.#connectAll();
      const startMs = performance.now();
      await this.#sendAll(startMs);
      await this.#settle();
      return this.#result((performance.now() - startMs) / 1000);
    } finally {
      for (const sender of this.#senders) sender.close();
      for (const session of this.#sessions) session.close();
      this.#poster.close();
      await this.#agent.destroy();
    }
  }

  async #logInAll(): Promise<void> {
    // By MQTT the log-in is part of the connecting.
    const waiting = this.#sessions.filter((_session, index) => this.#transports[index] !== 'mqtt');
    const logInNext = async (): Promise<void> => {
      for (let session = waiting.pop(); session !== undefined && !this.#isStopped; session = waiting.pop()) {
        await session.logIn();
      }
    };
    await Promise.all(Array.from({ length: LOGINS_AT_ONCE }, logInNext));
  }

  async #connectAll(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const overdue = new Promise((resolve) => {
      timer = setTimeout(resolve, CONNECT_WITHIN_MS);
    });
    await Promise.race([Promise.all(this.#senders.map(({ connected }) => connected)), overdue]);
    clearTimeout(timer);
  }

  async #startSenders(): Promise<void> {
    const { mqtt } = this.#options;
    const hasMqtt = mqtt !== undefined && this.#transports.includes('mqtt');
    const way = hasMqtt ? { ...mqtt, connect: (await import('mqtt')).connect } : undefined;
    this.#senders = this.#sessions.map((session, index) => this.#senderOf(session, this.#transports[index], way));
  }

  #senderOf(session: DeviceSession, transport: Transport | undefined, way: MqttWay | undefined): FleetSender {
    if (transport === 'mqtt' && way !== undefined) return new MqttSender(session.device, way, this.#tally);
    return transport === 'ws'
      ? new SocketSender(session, this.#options.url, this.#agent, this.#tally)
      : new HttpSender(session, this.#poster, this.#tally);
  }

  async #sendAll(startMs: number): Promise<void> {
    const { devices, rateHz } = this.#options;
    const startWallMs = Date.now();
    const total = plannedStates(this.#options);
    const perMs = (devices * rateHz) / 1000;
    for (let next = 0; next < total && !this.#isStopped; ) {
      await pause(TICK_MS);
      const due = Math.min(total, Math.floor((performance.now() - startMs) * perMs) + 1);
      for (; next < due; next++) this.#send(next, Math.round(startWallMs + next / perMs));
    }
  }

  #send(ordinal: number, timeMs: number): void {
    const index = ordinal % this.#options.devices;
    const reading = Math.floor(ordinal / this.#options.devices);
    const time = timeAs(index, timeMs);
    const body = JSON.stringify({ time, data: this.#data.readingOf(index, reading) });
    const state = new OutgoingState(reading, time === undefined ? undefined : timeMs, body, performance.now());
    (this.#states[index] as OutgoingState[]).push(state);
    this.#tally.sent++;
    (this.#senders[index] as FleetSender).offer(state);
  }

  async #settle(): Promise<void> {
    const untilMs = performance.now() + SETTLE_WITHIN_MS;
    while (this.#tally.outstanding > 0 && performance.now() < untilMs) await pause(TICK_MS);
  }

  #result(elapsedSeconds: number): FleetResult {
    const { sent, acknowledged, refused, givenUp, unconfirmed, outstanding, retries, lastTrouble } = this.#tally;
    const [p50Ms = 0, p99Ms = 0, maxMs = 0] = this.#tally.ackPercentilesMs([0.5, 0.99, 1]).map(roundToMicroseconds);
    const unanswered = outstanding;
    return {
      ...{ sent, acknowledged, refused, givenUp, unanswered, unconfirmed, retries },
      ...{ elapsedSeconds, p50Ms, p99Ms, maxMs, lastTrouble },
    };
  }
}

/** The form in which the device gives its times (docs/cloud.md, "States"); undefined: it gives none. */
function timeAs(index: number, timeMs: number): number | string | { $date: string } | undefined {
  switch (timeFormOf(index)) {
    case 1:
      return new Date(timeMs).toISOString();
    case 3:
      return { $date: new Date(timeMs).toISOString() };
    case 4:
      return undefined;
    default:
      return timeMs;
  }
}

function roundToMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
