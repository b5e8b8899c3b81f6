import type { AskResult, CloudCall, CloudClient, LogInResult, SendResult } from '../core/cloud-port.js';
import type { Device } from '../core/device.js';
import type { LogInHead } from '../core/passed-call.js';
import type { Timekeeper } from '../core/time/timekeeper.js';
import type { AskThread } from '../upstream/ask-thread.js';
import type { UpstreamHealth } from '../upstream/upstream-health.js';

type Sending = Pick<CloudClient, 'bodyMemory' | 'sendStates'>;
type Asking = Pick<AskThread, 'askForDevice' | 'checkDevice' | 'greet' | 'logIn' | 'renewConnections' | 'close'>;

/**
 * The cloud, whose answers tell the timekeeper what time it is there, and the upstream's health whether it is there. Calls
 * end as those behind it do.
 *
 * An answer to a greeting says what time it is as any other does, before the first device has come. That a cloud tells no
 * time it does not say: times that are decided upon that stay so (contract 1.5), and what answers calls without a token may
 * be a gateway before the cloud.
 */
export class HeardCloud implements CloudClient {
  readonly #asking: Asking;
  readonly #sending: Sending;
  readonly #timekeeper: Timekeeper;
  readonly #health: Pick<UpstreamHealth, 'note'>;

  constructor(asking: Asking, sending: Sending, timekeeper: Timekeeper, health: Pick<UpstreamHealth, 'note'>) {
    this.#asking = asking;
    this.#sending = sending;
    this.#timekeeper = timekeeper;
    this.#health = health;
  }

  bodyMemory(byteLength: number): Buffer {
    return this.#sending.bodyMemory(byteLength);
  }

  async sendStates(device: Device, token: string, body: Uint8Array, mayListen = false): Promise<SendResult> {
    return this.#heard('states', await this.#sending.sendStates(device, token, body, mayListen));
  }

  async askForDevice(device: Device, token: string): Promise<AskResult> {
    return this.#heard('check', await this.#asking.askForDevice(device, token));
  }

  async checkDevice(device: Device, token: string): Promise<AskResult> {
    return this.#heard('check', await this.#asking.checkDevice(device, token));
  }

  async greet(): Promise<AskResult> {
    return this.#heard('greeting', await this.#asking.greet());
  }

  async logIn(body: Uint8Array, head: LogInHead): Promise<LogInResult> {
    return this.#heard('log-in', await this.#asking.logIn(body, head));
  }

  /** What was found out by other calls holds for these: the cloud is reached anew by its name. */
  renewConnections(): void {
    this.#asking.renewConnections();
  }

  close(): Promise<void> {
    return this.#asking.close();
  }

  #heard<T extends SendResult | AskResult | LogInResult>(call: CloudCall, result: T): T {
    this.#health.note(call, result);
    const cloudDate = result.kind === 'answer' ? result.cloudDate : undefined;
    const tellsTime = call !== 'greeting' || cloudDate?.dateMs !== undefined;
    if (cloudDate !== undefined && tellsTime) this.#timekeeper.hear(cloudDate);
    return result;
  }
}
