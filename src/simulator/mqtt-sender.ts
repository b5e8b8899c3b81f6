import type { connect, MqttClient } from 'mqtt';
import type { PlannedDevice } from './fleet-plan.js';
import { type FleetSender, RETRY_AFTER_MS } from './fleet-sender.js';
import type { FleetTally, OutgoingState } from './fleet-tally.js';

/** States published and not settled; past it the device waits. */
const MAX_OPEN_STATES = 1_000;

/** How devices speak MQTT: a library's function, which only a fleet with such devices loads. */
export interface MqttWay {
  readonly connect: typeof connect;
  /** Of a broker: `mqtt:`, `mqtts:`, `ws:` or `wss:`. */
  readonly url: string;
  /** 0: nothing says whether a state was taken in. */
  readonly qos: 0 | 1;
}

/**
 * A device that reports by MQTT, one state a message, as the vendor's JavaScript client does: it connects anew each second,
 * and what has no PUBACK by then is sent again by the library.
 */
export class MqttSender implements FleetSender {
  readonly connected: Promise<void>;
  readonly #client: MqttClient;
  readonly #topic: string;
  readonly #qos: 0 | 1;
  readonly #tally: FleetTally;
  readonly #waiting: OutgoingState[] = [];
  /** Published and not settled, by what was published: it has the number of the reading, and so differs in each. */
  readonly #open = new Map<string, OutgoingState>();
  /** Whether an error has said why the connection is being closed. */
  #hasToldWhy = false;
  #isClosed = false;

  constructor(device: PlannedDevice, way: MqttWay, tally: FleetTally) {
    const { key = '', secret = '' } = device.credentials ?? {};
    this.#topic = `losant/${device.deviceId}/state`;
    this.#qos = way.qos;
    this.#tally = tally;
    this.#client = way.connect(way.url, {
      clientId: device.deviceId,
      username: key,
      password: secret,
      clean: true,
      protocolVersion: 4,
      reconnectPeriod: RETRY_AFTER_MS,
      // Unless told so it stays away for ever after one refusal.
      reconnectOnConnackError: true,
    });
    this.connected = new Promise((resolve) => this.#client.once('connect', () => resolve()));
    this.#client.on('connect', () => this.#flush());
    this.#client.on('packetsend', (packet) => {
      if (packet.cmd === 'publish') this.#noteSend(String(packet.payload));
    });
    this.#client.on('error', ({ message }) => this.#trouble(message));
    this.#client.on('close', () => {
      if (!this.#hasToldWhy) this.#trouble('the connection by MQTT was closed');
      this.#hasToldWhy = false;
    });
  }

  offer(state: OutgoingState): void {
    this.#waiting.push(state);
    this.#flush();
  }

  close(): void {
    this.#isClosed = true;
    // An orderly end would wait for PUBACKs that are missing.
    this.#client.end(this.#open.size > 0);
  }

  #flush(): void {
    if (!this.#client.connected) return;
    for (const state of this.#waiting.splice(0, MAX_OPEN_STATES - this.#open.size)) this.#publish(state);
  }

  #publish(state: OutgoingState): void {
    const { body } = state;
    this.#open.set(body, state);
    this.#client.publish(this.#topic, body, { qos: this.#qos }, (error) => {
      if (this.#isClosed) return;
      this.#open.delete(body);
      if (error) this.#tally.giveUp(state);
      else if (this.#qos === 0) this.#tally.leaveUnconfirmed(state);
      else this.#tally.acknowledge(state);
      this.#flush();
    });
  }

  /** Counts each time that a state goes out, also when the library sends it again. */
  #noteSend(body: string): void {
    const state = this.#open.get(body);
    if (state === undefined) return;
    if (state.sends > 0) this.#tally.retries++;
    state.sends++;
  }

  #trouble(words: string): void {
    this.#hasToldWhy = true;
    if (!this.#isClosed) this.#tally.lastTrouble = words;
  }
}
