import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Fault } from '../../../src/simulator/cloud-faults.js';
import type { TokenRequest } from '../../../src/simulator/cloud-tokens.js';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import type { DeviceState } from '../../../src/state/validate.js';
import type { AtEnd } from '../fault-site.js';
import { endNow } from '../program.js';

const CLOUD_FILE = fileURLToPath(new URL('./cloud.mjs', import.meta.url));

/** What the cloud has been asked so far. */
export interface AskedOfCloud {
  /** Requests by what they ask for, whatever became of them. */
  readonly asked: { readonly device: number; readonly state: number; readonly logIn: number; readonly other: number };
  /** Requests to send state that were over the limit of their device. */
  readonly throttled: number;
}

/** The simulated cloud in a process of its own; see `cloud.mjs`. */
export class CloudProcess {
  readonly #child: ChildProcess = fork(CLOUD_FILE);
  readonly #waiting = new Map<number, (value: unknown) => void>();
  #nextId = 1;
  url = '';

  private constructor(onTaken: (deviceId: string, states: readonly DeviceState[]) => void) {
    this.#child.on('message', (message: { id?: number; value?: unknown; taken?: [string, DeviceState[]][] }) => {
      for (const [deviceId, states] of message.taken ?? []) onTaken(deviceId, states);
      if (message.id === undefined) return;
      this.#waiting.get(message.id)?.(message.value);
      this.#waiting.delete(message.id);
    });
  }

  /** @param onTaken told of what the cloud takes, in order, a moment later */
  static async start(
    atEnd: AtEnd,
    devices: readonly PlannedDevice[],
    onTaken: (deviceId: string, states: readonly DeviceState[]) => void,
  ): Promise<CloudProcess> {
    const cloud = new CloudProcess(onTaken);
    atEnd(() => endNow(cloud.#child));
    cloud.url = (await cloud.#ask({ do: 'start', devices })) as string;
    return cloud;
  }

  async issue(requests: readonly TokenRequest[]): Promise<string[]> {
    return (await this.#ask({ do: 'issue', requests })) as string[];
  }

  async setFaults(faults: readonly Fault[]): Promise<void> {
    await this.#ask({ do: 'setFaults', faults });
  }

  async counts(): Promise<AskedOfCloud> {
    return (await this.#ask({ do: 'counts' })) as AskedOfCloud;
  }

  #ask(request: Readonly<Record<string, unknown>>): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ ...request, id });
    });
  }
}
