import type { Clock } from '../core/clock.js';
import type { AskResult, LogInResult } from '../core/cloud-results.js';
import type { Device } from '../core/device.js';
import type { LogInHead } from '../core/passed-call.js';
import type { CloudClient } from '../core/ports.js';

/** The cloud as the auth stage asks it, with what its answers say of its clock (`Date`). */
export class CloudTime implements Pick<CloudClient, 'askForDevice' | 'logIn'> {
  readonly #cloud: Pick<CloudClient, 'askForDevice' | 'logIn'>;
  readonly #clock: Clock;
  /** By how much the cloud's clock was last ahead of the monotonic one. */
  #offsetMs: number | undefined = undefined;

  constructor(cloud: Pick<CloudClient, 'askForDevice' | 'logIn'>, clock: Clock) {
    this.#cloud = cloud;
    this.#clock = clock;
  }

  /** What the cloud's clock shows, as far as is known a little less; undefined while it has not been heard. */
  nowMs(): number | undefined {
    return this.#offsetMs === undefined ? undefined : this.#offsetMs + this.#clock.monotonicMs();
  }

  async askForDevice(device: Device, token: string): Promise<AskResult> {
    const result = await this.#cloud.askForDevice(device, token);
    this.#hear(result);
    return result;
  }

  async logIn(body: Uint8Array, head: LogInHead): Promise<LogInResult> {
    const result = await this.#cloud.logIn(body, head);
    this.#hear(result);
    return result;
  }

  #hear(result: AskResult | LogInResult): void {
    if (result.kind !== 'answer' || result.cloudDateMs === undefined) return;
    this.#offsetMs = result.cloudDateMs - this.#clock.monotonicMs();
  }
}
