import { setTimeout as pause } from 'node:timers/promises';
import type { Account } from './fault-account.js';
import type { Witness } from './fault-witness.js';
import { connectPacket, publishPacket, type RawMqtt } from './mqtt-clients.js';

const OPEN_PUBLISHES = 20;
/** A device whose connection broke does not come back at once. */
const BREATH_MS = 20;
const LARGEST_PACKET_ID = 65_535;

/**
 * Publishes states by MQTT at QoS 1, some of them ahead of their PUBACKs; connects again when it is disconnected. Its line
 * may be cut, and it may connect a second time.
 */
export class MqttWitness implements Witness {
  readonly account: Account;
  /** Whether CONNACK 5 is what is to be expected, since the test has had its key revoked. */
  isRevoked = false;
  /** How often it had that since. */
  refusals = 0;
  readonly #open: () => Promise<RawMqtt>;
  readonly #ended: Promise<void>;
  #raw: RawMqtt | undefined = undefined;
  /** Has sent CONNECT; it is gone on with when the connection before it is closed. */
  #successor: RawMqtt | undefined = undefined;
  #isStopped = false;

  /** @param open connects to the proxy as it runs now */
  constructor(account: Account, open: () => Promise<RawMqtt>) {
    this.account = account;
    this.#open = open;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  /** Its line breaks, whatever is on it. */
  cut(): void {
    this.#raw?.destroy();
  }

  /** Connects while it is connected, as a device that has not noticed the end of its connection. */
  async takeOver(): Promise<void> {
    const successor = await this.#connect();
    if (this.#successor === undefined && !this.#isStopped) this.#successor = successor;
    else successor?.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const successor = this.#successor;
      this.#successor = undefined;
      this.#raw = successor ?? (await this.#connect());
      if (this.#raw !== undefined) await this.#connection(this.#raw);
      this.#raw?.destroy();
      await pause(BREATH_MS);
    }
    this.#successor?.destroy();
  }

  /** A connection that has sent CONNECT; undefined while the proxy is away, as nobody takes it. */
  async #connect(): Promise<RawMqtt | undefined> {
    const raw = await this.#open().catch(() => undefined);
    await raw?.send(connectPacket(this.account.device));
    return raw;
  }

  /** One connection, until it is closed, or all is acknowledged of a device that has stopped. */
  async #connection(raw: RawMqtt): Promise<void> {
    const { account } = this;
    const next = () => Promise.race([raw.next(), raw.closed]);
    const answer = await next();
    if (!answer) return;
    if (this.isRevoked && answer.cmd === 'connack' && answer.returnCode === 5) {
      this.refusals++;
      return;
    }
    if (answer.cmd !== 'connack' || answer.returnCode !== 0) account.complaints.push(JSON.stringify(answer));
    /** Numbers of the states that have no PUBACK, in the order in which they were sent. */
    const open: number[] = [];
    for (;;) {
      while (!this.#isStopped && open.length < OPEN_PUBLISHES) open.push(await this.#publish(raw));
      if (open.length === 0) return;
      const packet = await next();
      if (!packet) break;
      const [n] = open.splice(0, 1) as [number];
      account.settle([n], 'acknowledged');
      if (packet.cmd !== 'puback' || packet.messageId !== packetIdOf(n)) {
        account.complaints.push(`${JSON.stringify(packet)} where the PUBACK of state ${n} was due`);
      }
    }
    account.settle(open, 'unknown');
  }

  async #publish(raw: RawMqtt): Promise<number> {
    const [n] = this.account.take(1) as [number];
    await raw.send(publishPacket(this.account.device, this.account.bodyOf([n]), packetIdOf(n)));
    return n;
  }
}

function packetIdOf(n: number): number {
  return 1 + (n % LARGEST_PACKET_ID);
}
