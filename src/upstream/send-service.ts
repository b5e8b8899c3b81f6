import type { MessagePort } from 'node:worker_threads';
import type { SendResult } from '../core/cloud-port.js';
import { Device } from '../core/device.js';
import { systemClock } from '../core/time/clock.js';
import { createAgent } from './agent.js';
import { HttpCloudClient } from './cloud-client.js';
import { CloudConnections } from './connections.js';
import { Dialer } from './dialer.js';
import { lostStates, type SenderData, type SendOrder } from './thread-messages.js';
import { ThreadService, type ThreadWork } from './thread-service.js';

/** The sending thread: sends states with connections of its own (see `thread-messages.ts`). */
export class SendService implements ThreadWork<SendOrder, SendResult> {
  readonly #client: HttpCloudClient;
  /** By their numbers (see `body-slots.ts`). */
  readonly #slots: SharedArrayBuffer[] = [];
  readonly lost = lostStates;

  constructor(port: MessagePort, { url, connections, caFile, proxyUrl, ...limits }: SenderData) {
    const dialer = new Dialer(systemClock);
    const create = () => createAgent({ connections, caFile, proxyUrl, dialer });
    const agents = new CloudConnections(create, dialer, systemClock, () => service.tellDistrust());
    this.#client = new HttpCloudClient(agents, systemClock, { url: new URL(url), ...limits });
    const service = new ThreadService(port, this);
  }

  do({ applicationId, deviceId, token, body, mayListen }: SendOrder): Promise<SendResult> {
    const device = new Device(applicationId, deviceId);
    return this.#client.sendStates(device, token, this.#bytesOf(body), mayListen);
  }

  renewConnections(): void {
    this.#client.renewConnections();
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #bytesOf(body: SendOrder['body']): Uint8Array {
    if (!('slot' in body)) return body;
    if (body.memory !== undefined) this.#slots[body.slot] = body.memory;
    return Buffer.from(this.#slots[body.slot] as SharedArrayBuffer, 0, body.byteLength);
  }
}
