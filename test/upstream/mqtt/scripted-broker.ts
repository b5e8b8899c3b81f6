import { expect, onTestFinished } from 'vitest';
import { Meters } from '../../../src/core/metering/meters.js';
import type { UplinkDevice, UplinkUser } from '../../../src/core/uplink-ports.js';
import type { Broker, BrokerConnection, BrokerEnd, BrokerUser } from '../../../src/upstream/mqtt/broker.js';
import { UplinkSessions } from '../../../src/upstream/mqtt/uplink-sessions.js';
import { FakeClock } from '../../helpers/fake-clock.js';

/** One connection, whose other end is the test. */
export class ScriptedConnection implements BrokerConnection {
  readonly device: UplinkDevice;
  /** In order: `+filter`, `-filter`, and what was published. */
  readonly said: string[] = [];
  /** Ends of what was published, to be called by the test. */
  readonly goners: (() => void)[] = [];
  isEnded = false;
  readonly #user: BrokerUser;

  constructor(device: UplinkDevice, user: BrokerUser) {
    this.device = device;
    this.#user = user;
  }

  subscribe(filters: readonly string[]): void {
    this.said.push(...filters.map((filter) => `+${filter}`));
  }

  unsubscribe(filters: readonly string[]): void {
    this.said.push(...filters.map((filter) => `-${filter}`));
  }

  publish(topic: string, payload: Uint8Array, qos: 0 | 1, onGone: () => void): void {
    this.said.push(`${topic} ${qos} ${Buffer.from(payload).toString()}`);
    this.goners.push(onGone);
  }

  end(): void {
    this.isEnded = true;
  }

  open(): void {
    this.#user.onOpen();
  }

  send(topic: string, payload: string): void {
    this.#user.onMessage(topic, Buffer.from(payload));
  }

  deny(filter: string): void {
    this.#user.onDenied(filter);
  }

  close(end: BrokerEnd): void {
    this.#user.onClosed(end);
  }
}

/** A device's part, with what it was told. */
export class ListeningUser implements UplinkUser {
  readonly messages: string[] = [];
  refusals = 0;

  onMessage(topic: string, payload: Uint8Array): void {
    this.messages.push(`${topic} ${Buffer.from(payload).toString()}`);
  }

  onRefused(): void {
    this.refusals++;
  }
}

export function deviceOf(index: number, secret = 'secret', applicationId = 'app'): UplinkDevice {
  return { applicationId, deviceId: `device-${index}`, key: 'key', secret };
}

export interface UplinkSiteOptions {
  readonly requests?: number;
  readonly maxSessions?: number;
}

/** Sessions at a broker that is the test's, by a clock of the test. */
export class UplinkSite implements Broker {
  readonly clock = new FakeClock();
  readonly meters = new Meters();
  readonly connections: ScriptedConnection[] = [];
  /** What the log was told. */
  readonly told: string[] = [];
  readonly sessions: UplinkSessions;

  constructor({ requests = 200, maxSessions = 5_000 }: UplinkSiteOptions = {}) {
    this.sessions = new UplinkSessions({
      broker: this,
      clock: this.clock,
      meters: this.meters.mqtt,
      connectRate: { requests, windowMs: 15_000 },
      maxSessions,
      random: () => 0.5,
      onLost: (words) => this.told.push(`lost: ${words}`),
      onBack: () => this.told.push('back'),
      onFull: () => this.told.push('full'),
      onDenied: ({ deviceId, filter }) => this.told.push(`${deviceId} denied ${filter}`),
    });
    onTestFinished(async () => {
      await this.sessions.close();
      // Whatever a test does, nothing may be left waiting.
      expect([this.clock.pendingTimers, this.connections.filter(({ isEnded }) => !isEnded).length]).toEqual([0, 0]);
    });
  }

  connect(device: UplinkDevice, user: BrokerUser): BrokerConnection {
    const connection = new ScriptedConnection(device, {
      onOpen: () => user.onOpen(),
      onMessage: (topic, payload) => user.onMessage(topic, payload),
      onDenied: (filter) => user.onDenied(filter),
      onClosed: (end) => {
        connection.isEnded = true;
        user.onClosed(end);
      },
    });
    this.connections.push(connection);
    return connection;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The newest connection. */
  get last(): ScriptedConnection {
    return this.connections.at(-1) as ScriptedConnection;
  }

  get publishes() {
    const { upstream, unavailable } = this.meters.mqtt.publishes;
    return { upstream, unavailable };
  }
}
