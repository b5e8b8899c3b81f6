import type { MessagePort } from 'node:worker_threads';
import type { AskResult, LogInResult } from '../core/cloud-port.js';
import { Device } from '../core/device.js';
import { systemClock } from '../core/time/clock.js';
import { createAgent } from './agent.js';
import { HttpCloudClient } from './cloud-client.js';
import { CloudConnections } from './connections.js';
import { Dialer } from './dialer.js';
import { type AskerData, type AskKind, type AskOrder, lostQuestion } from './thread-messages.js';
import { ThreadService, type ThreadWork } from './thread-service.js';

/** The asking thread: asks with connections of its own for each kind (see `thread-messages.ts`). */
export class AskService implements ThreadWork<AskOrder, AskResult | LogInResult> {
  readonly #clients: Readonly<Record<AskKind, HttpCloudClient>>;
  readonly lost = lostQuestion;

  constructor(port: MessagePort, { url, connections, caFile, proxyUrl, ...limits }: AskerData) {
    const dialer = new Dialer(systemClock);
    const clientOf = (kind: AskKind) => {
      const create = () => createAgent({ connections: connections[kind], caFile, proxyUrl, dialer });
      const agents = new CloudConnections(create, dialer, systemClock);
      return new HttpCloudClient(agents, systemClock, { url: new URL(url), ...limits });
    };
    this.#clients = { questions: clientOf('questions'), checks: clientOf('checks'), logIns: clientOf('logIns') };
    new ThreadService(port, this);
  }

  async do(order: AskOrder): Promise<AskResult | LogInResult> {
    if (order.kind === 'greeting') return this.#clients.checks.greet();
    const client = this.#clients[order.kind];
    if (order.kind === 'logIns') return compact(await client.logIn(order.body, order.head));
    return client.askForDevice(new Device(order.applicationId, order.deviceId), order.token);
  }

  renewConnections(): void {
    for (const client of Object.values(this.#clients)) client.renewConnections();
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#clients).map((client) => client.close()));
  }
}

/** Bodies in memory of their own: what they are cut from would go along whole, and stay as long as the answer is kept. */
function compact(result: LogInResult): LogInResult {
  if (result.kind === 'failure') return result;
  const { body, asItCame } = result.answer;
  const own = asItCame && { ...asItCame, body: new Uint8Array(asItCame.body) };
  return { ...result, answer: { ...result.answer, body: new Uint8Array(body), ...(own && { asItCame: own }) } };
}
