import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Fault } from '../../src/simulator/cloud-faults.js';
import type { AtEnd } from './fault-site.js';
import { endNow, startProgram } from './program.js';

const CROWD_FILE = fileURLToPath(new URL('./fault-crowd.mjs', import.meta.url));
const SEED = 'crowd';
/** As many as a plant's switch would hold open at once; the devices take turns on them. */
const CONNECTIONS = 128;

/** How often each answer came: `200`, or the status with the body. */
export type Answers = Readonly<Record<string, number>>;

/** All devices of a large plant, in a process of their own; see `fault-crowd.mjs`. */
export class Crowd {
  readonly #child: ChildProcess;

  constructor(atEnd: AtEnd, devices: number) {
    this.#child = fork(CROWD_FILE, [JSON.stringify({ devices, seed: SEED, connections: CONNECTIONS })]);
    atEnd(() => endNow(this.#child));
  }

  /** Each device logs in through the proxy on `port`. */
  logIn(port: number): Promise<Answers> {
    return this.#ask({ task: 'logIn', port });
  }

  /** Each device posts one state. */
  post(port: number): Promise<Answers> {
    return this.#ask({ task: 'post', port });
  }

  /** What was acknowledged against what the cloud holds. */
  compare(cloudUrl: string): Promise<{ acknowledged: number; lost: number; invented: number }> {
    return this.#ask({ task: 'compare', cloudUrl });
  }

  async #ask<T>(task: object): Promise<T> {
    this.#child.send(task);
    const [answer] = await once(this.#child, 'message');
    return answer as T;
  }
}

/** A simulated cloud in a process of its own that knows the devices of a {@link Crowd}. */
export class CrowdCloud {
  readonly url: string;

  private constructor(url: string) {
    this.url = url;
  }

  static async start(atEnd: AtEnd, devices: number): Promise<CrowdCloud> {
    const args = ['simulate', 'cloud', '--devices', String(devices), '--seed', SEED, '--listen', '127.0.0.1:0'];
    const child = startProgram(args);
    atEnd(() => endNow(child));
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    return new CrowdCloud((JSON.parse(line as string) as { url: string }).url);
  }

  async setFaults(faults: readonly Fault[]): Promise<void> {
    await fetch(`${this.url}/_simulator/faults`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(faults),
    });
  }
}
