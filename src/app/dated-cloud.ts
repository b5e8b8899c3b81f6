import type { AskResult, LogInResult, SendResult } from '../core/cloud-results.js';
import type { Device } from '../core/device.js';
import type { LogInHead } from '../core/passed-call.js';
import type { CloudClient } from '../core/ports.js';
import type { Timekeeper } from '../core/timekeeper.js';
import type { AskThread } from '../upstream/ask-thread.js';

type Sending = Pick<CloudClient, 'bodyMemory' | 'sendStates'>;
type Asking = Pick<AskThread, 'askForDevice' | 'checkDevice' | 'logIn' | 'renewConnections' | 'close'>;

/** The cloud, each answer of which tells the timekeeper what time it is there. Calls end as those behind it do. */
export class DatedCloud implements CloudClient {
  readonly #asking: Asking;
  readonly #sending: Sending;
  readonly #timekeeper: Timekeeper;

  constructor(asking: Asking, sending: Sending, timekeeper: Timekeeper) {
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
    return this.#dated(() => this.#asking.askForDevice(device, token));
  }

  checkDevice(device: Device, token: string): Promise<AskResult> {
    return this.#dated(() => this.#asking.checkDevice(device, token));
  }

  async logIn(body: Uint8Array, head: LogInHead): Promise<LogInResult> {
    const sentMs = this.#timekeeper.monotonicMs();
    const result = await this.#asking.logIn(body, head);
    if (result.kind === 'answer') this.#timekeeper.hear(result.cloudDateMs, sentMs);
    return result;
  }

  /** What was found out by other calls holds for these: the cloud is reached anew by its name. */
  renewConnections(): void {
    this.#asking.renewConnections();
  }

  close(): Promise<void> {
    return this.#asking.close();
  }

  async #dated(ask: () => Promise<AskResult>): Promise<AskResult> {
    const sentMs = this.#timekeeper.monotonicMs();
    const result = await ask();
    if (result.kind === 'failure') return result;
    // Without a date, 429 and 500 and more may be those of a balancer before the cloud.
    const isCloudsOwn = result.cloudDateMs !== undefined || (result.status < 500 && result.status !== 429);
    if (isCloudsOwn) this.#timekeeper.hear(result.cloudDateMs, sentMs);
    return result;
  }
}
