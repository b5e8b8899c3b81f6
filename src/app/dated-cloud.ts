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
    return this.#heard(await this.#sending.sendStates(device, token, body, mayListen));
  }

  async askForDevice(device: Device, token: string): Promise<AskResult> {
    return this.#heard(await this.#asking.askForDevice(device, token));
  }

  async checkDevice(device: Device, token: string): Promise<AskResult> {
    return this.#heard(await this.#asking.checkDevice(device, token));
  }

  async logIn(body: Uint8Array, head: LogInHead): Promise<LogInResult> {
    return this.#heard(await this.#asking.logIn(body, head));
  }

  /** What was found out by other calls holds for these: the cloud is reached anew by its name. */
  renewConnections(): void {
    this.#asking.renewConnections();
  }

  close(): Promise<void> {
    return this.#asking.close();
  }

  #heard<T extends SendResult | AskResult | LogInResult>(result: T): T {
    if (result.kind === 'answer' && result.cloudDate !== undefined) this.#timekeeper.hear(result.cloudDate);
    return result;
  }
}
