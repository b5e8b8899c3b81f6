import { setTimeout as pause } from 'node:timers/promises';
import type { SimulatedCloud } from '../../src/simulator/cloud.js';
import type { Fault } from '../../src/simulator/cloud-faults.js';

/** Fair most of the time: a lane that failed waits for a second or so, and then no kill meets a request in flight. */
const FAIR: readonly Fault[] = [{ kind: 'delay', delayMs: 15, route: 'state' }];
/** None of them stores what it does not answer, so that whatever comes twice was doubled by something else. */
const FOUL: readonly (readonly Fault[])[] = [
  [{ kind: 'outage' }],
  [{ kind: 'outage', route: 'state' }],
  [{ kind: 'status', status: 503, route: 'state' }],
  [{ kind: 'status', status: 500, route: 'state', times: 3 }],
  [{ kind: 'status', status: 429, retryAfterSeconds: 1, route: 'state', times: 3 }],
  [{ kind: 'hang', route: 'state' }],
];
const FAIR_MS = 1_200;
const FOUL_MS = 150;

/** Makes the cloud fail now and then until the weather is cleared. */
export class Weather {
  readonly #cloud: SimulatedCloud;
  readonly #ended: Promise<void>;
  readonly #cleared = new AbortController();

  constructor(cloud: SimulatedCloud) {
    this.#cloud = cloud;
    this.#ended = this.#run();
  }

  /** The cloud is well again, for good. */
  async clear(): Promise<void> {
    this.#cleared.abort();
    await this.#ended;
    this.#cloud.setFaults([]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#cleared;
    for (let turn = 0; !signal.aborted; turn++) {
      this.#cloud.setFaults(FAIR);
      await pause(FAIR_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      this.#cloud.setFaults([...(FOUL[turn % FOUL.length] as Fault[]), ...FAIR]);
      await pause(FOUL_MS, undefined, { signal }).catch(() => {});
    }
  }
}
