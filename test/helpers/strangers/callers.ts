import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { PlannedDevice } from '../../../src/simulator/fleet-plan.js';
import { call } from '../http-client.js';
import { Rhythm } from './rhythm.js';
import { type Actor, ANSWER_WITHIN_MS, countRefusal, type Surroundings } from './surroundings.js';
import { Tokens } from './tokens.js';

const BREATH_MS = 500;

/** Reads its last commands of the cloud, through the proxy, at its rhythm. */
export class Caller implements Actor {
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(device: PlannedDevice, around: Surroundings) {
    this.#ended = this.#run(device, around);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run({ applicationId, deviceId, ...rest }: PlannedDevice, around: Surroundings): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const tokens = new Tokens({ applicationId, deviceId, ...rest }, 'kept', around);
    await tokens.renewIfDue();
    const rhythm = new Rhythm();
    const path = `/applications/${applicationId}/devices/${deviceId}/command?limit=1`;
    const options = { method: 'GET', headers: { authorization: `Bearer ${tokens.current}` }, agent };
    while (!this.#isStopped) {
      const sinceMs = await rhythm.beat();
      if (around.isCloudAway()) continue;
      const answer = await call(around.port, path, { ...options, withinMs: ANSWER_WITHIN_MS }).catch(
        (error: Error) => error.message,
      );
      if (typeof answer !== 'string' && answer.status === 200) around.tally.served('call', performance.now() - sinceMs);
      else countRefusal(around, 'call', typeof answer === 'string' ? answer : `${answer.status} ${answer.text}`);
    }
    agent.destroy();
  }
}

/** Listens to the events of a device, through the proxy; comes back when the stream ends. */
export class Listener implements Actor {
  readonly #device: PlannedDevice;
  readonly #around: Surroundings;
  readonly #ended: Promise<void>;
  #cut: () => void = () => {};
  #isStopped = false;
  /** Events that have come. */
  events = 0;

  constructor(device: PlannedDevice, around: Surroundings) {
    this.#device = device;
    this.#around = around;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cut();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const tokens = new Tokens(this.#device, 'kept', this.#around);
    await tokens.renewIfDue();
    while (!this.#isStopped) {
      const why = await this.#listen(tokens.current);
      if (this.#isStopped) return;
      countRefusal(this.#around, 'event stream', why);
      await pause(BREATH_MS);
    }
  }

  /** @returns why it came to an end */
  #listen(token: string): Promise<string> {
    const { applicationId, deviceId } = this.#device;
    const path = `/applications/${applicationId}/devices/${deviceId}/stateStream`;
    const startedAtMs = performance.now();
    return new Promise((resolve) => {
      const headers = { authorization: `Bearer ${token}` };
      const outgoing = request({ host: '127.0.0.1', port: this.#around.port, path, headers, agent: false });
      this.#cut = () => outgoing.destroy();
      outgoing.on('error', () => resolve('no answer'));
      outgoing.on('close', () => resolve('cut'));
      outgoing.on('response', (incoming: IncomingMessage) => {
        if (incoming.statusCode !== 200) {
          outgoing.destroy();
          resolve(String(incoming.statusCode));
          return;
        }
        this.#around.tally.served('event stream', performance.now() - startedAtMs);
        incoming.on('error', () => {});
        incoming.setEncoding('utf8').on('data', (text: string) => {
          this.events += text.split('event: deviceState').length - 1;
        });
      });
      outgoing.end();
    });
  }
}
