import { setTimeout as pause } from 'node:timers/promises';
import type { Account } from './fault-account.js';
import type { Witness } from './fault-witness.js';
import { connectPacket, publishPacket, type RawMqtt } from './mqtt-clients.js';

const OPEN_PUBLISHES = 20;
/** A device whose connection broke does not come back at once. */
const BREATH_MS = 20;
const LARGEST_PACKET_ID = 65_535;

/** Publishes states by MQTT at QoS 1, some of them ahead of their PUBACKs; connects again when it is disconnected. */
export class MqttWitness implements Witness {
  readonly account: Account;
  readonly #open: () => Promise<RawMqtt>;
  readonly #ended: Promise<void>;
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

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      // While the proxy is away nobody takes the connection.
      const raw = await this.#open().catch(() => undefined);
      if (raw !== undefined) await this.#connection(raw);
      raw?.destroy();
      await pause(BREATH_MS);
    }
  }

  /** One connection, until it is closed, or all is acknowledged of a device that has stopped. */
  async #connection(raw: RawMqtt): Promise<void> {
    const { account } = this;
    const next = () => Promise.race([raw.next(), raw.closed]);
    await raw.send(connectPacket(account.device));
    const answer = await next();
    if (!answer) return;
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
