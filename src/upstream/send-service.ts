import type { MessagePort } from 'node:worker_threads';
import { systemClock } from '../core/clock.js';
import { Device } from '../core/device.js';
import { createAgent } from './agent.js';
import { HttpCloudClient } from './cloud-client.js';
import { CloudConnections } from './connections.js';
import { Dialer } from './dialer.js';
import type { FromSender, SenderData, SendOrder, ToSender } from './send-messages.js';

/** The sending thread: does what comes through `port` with connections of its own (see `send-messages.ts`). */
export class SendService {
  readonly #port: MessagePort;
  readonly #client: HttpCloudClient;
  #results: FromSender['results'][number][] = [];
  /** By their numbers (see `body-slots.ts`). */
  readonly #slots: SharedArrayBuffer[] = [];
  #underWay = 0;
  #isDistrusted = false;
  #isPosting = false;
  #isClosing = false;

  constructor(port: MessagePort, { url, connections, caFile, proxyUrl }: SenderData) {
    this.#port = port;
    const dialer = new Dialer(systemClock);
    const create = () => createAgent({ connections, caFile, proxyUrl, dialer });
    const agents = new CloudConnections(create, dialer, systemClock, () => this.#onDistrust());
    this.#client = new HttpCloudClient(agents, systemClock, { url: new URL(url) });
    port.on('message', (message: ToSender) => {
      // After the sockets that were ready with it: one that the cloud has closed meanwhile takes no request any more.
      setImmediate(() => this.#take(message));
    });
  }

  #take(message: ToSender): void {
    if (message === 'close') void this.#close();
    else for (const order of message.orders) void this.#send(order);
  }

  async #send({ id, applicationId, deviceId, token, body, mayListen }: SendOrder): Promise<void> {
    this.#underWay++;
    const device = new Device(applicationId, deviceId);
    const result = await this.#client.sendStates(device, token, this.#bytesOf(body), mayListen);
    this.#underWay--;
    this.#results.push({ id, result });
    this.#postSoon();
  }

  #onDistrust(): void {
    this.#isDistrusted = true;
    this.#postSoon();
  }

  #bytesOf(body: SendOrder['body']): Uint8Array {
    if (!('slot' in body)) return body;
    if (body.memory !== undefined) this.#slots[body.slot] = body.memory;
    return Buffer.from(this.#slots[body.slot] as SharedArrayBuffer, 0, body.byteLength);
  }

  #postSoon(): void {
    if (this.#isPosting) return;
    this.#isPosting = true;
    setImmediate(() => this.#post());
  }

  #post(): void {
    this.#port.postMessage({ results: this.#results, isDistrusted: this.#isDistrusted } satisfies FromSender);
    this.#results = [];
    this.#isDistrusted = false;
    this.#isPosting = false;
    this.#endIfDone();
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    await this.#client.close();
    this.#endIfDone();
  }

  /** Without its port nothing keeps the thread alive. */
  #endIfDone(): void {
    if (this.#isClosing && this.#underWay === 0 && !this.#isPosting) this.#port.close();
  }
}
