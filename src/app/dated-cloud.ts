import type { AskResult, LogInResult, SendResult } from '../core/cloud-results.js';
import type { Device } from '../core/device.js';
import type { LogInHead } from '../core/passed-call.js';
import type { CloudClient } from '../core/ports.js';
import type { Timekeeper } from '../core/timekeeper.js';
import type { HttpCloudClient } from '../upstream/cloud-client.js';

type Sending = Pick<CloudClient, 'bodyMemory' | 'sendStates'>;

/** The clients that each share of what is asked of the cloud has to itself. */
export interface AskingClients {
  /** About tokens that are not known here. */
  readonly questions: Pick<HttpCloudClient, 'askForDevice' | 'renewConnections' | 'close'>;
  /** About tokens that are. */
  readonly checks: Pick<HttpCloudClient, 'askForDevice' | 'renewConnections' | 'close'>;
  readonly logIns: Pick<HttpCloudClient, 'logIn' | 'renewConnections' | 'close'>;
}

/** The cloud, each answer of which tells the timekeeper what time it is there. Calls end as those behind it do. */
export class DatedCloud implements CloudClient {
  readonly #asking: AskingClients;
  readonly #sending: Sending;
  readonly #timekeeper: Timekeeper;

  constructor(asking: AskingClients, sending: Sending, timekeeper: Timekeeper) {
    this.#asking = asking;
    this.#sending = sending;
    this.#timekeeper = timekeeper;
  }

  bodyMemory(byteLength: number): Buffer {
    return this.#sending.bodyMemory(byteLength);
  }

  async sendStates(device: Device, token: string, body: Uint8Array, mayListen = false): Promise<SendResult> {
    const sentMs = this.#timekeeper.monotonicMs();
    const result = await this.#sending.sendStates(device, token, body, mayListen);
    if (result.kind === 'answer' && result.isCloudsOwn) this.#timekeeper.hear(result.cloudDateMs, sentMs);
    return result;
  }

  askForDevice(device: Device, token: string): Promise<AskResult> {
    return this.#ask(this.#asking.questions, device, token);
  }

  checkDevice(device: Device, token: string): Promise<AskResult> {
    return this.#ask(this.#asking.checks, device, token);
  }

  async logIn(body: Uint8Array, head: LogInHead): Promise<LogInResult> {
    const sentMs = this.#timekeeper.monotonicMs();
    const result = await this.#asking.logIns.logIn(body, head);
    if (result.kind === 'answer') this.#timekeeper.hear(result.cloudDateMs, sentMs);
    return result;
  }

  /** What was found out by other calls holds for these: the cloud is reached anew by its name. */
  renewConnections(): void {
    for (const client of Object.values(this.#asking)) client.renewConnections();
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#asking).map((client) => client.close()));
  }

  async #ask(client: AskingClients['questions'], device: Device, token: string): Promise<AskResult> {
    const sentMs = this.#timekeeper.monotonicMs();
    const result = await client.askForDevice(device, token);
    if (result.kind === 'failure') return result;
    // Without a date, 429 and 500 and more may be those of a balancer before the cloud.
    const isCloudsOwn = result.cloudDateMs !== undefined || (result.status < 500 && result.status !== 429);
    if (isCloudsOwn) this.#timekeeper.hear(result.cloudDateMs, sentMs);
    return result;
  }
}
