import { setTimeout as pause } from 'node:timers/promises';
import { descriptorsOf } from '../descriptors.js';
import { inForm } from '../fault-form.js';
import { call } from '../http-client.js';
import { forgetPeak, inMiB, peakResidentBytes, residentBytes } from '../resident-memory.js';

const EVERY_MS = 1_000;
/**
 * As long as the liveness probe of the manifests waits (`k8s/base/stateful-set.yaml`). Beside other tests on the same machine
 * all takes longer; a probe that is turned away fails at once all the same.
 */
const PROBE_WITHIN_MS = inForm({ short: 30_000, long: 10_000 });

/** What was seen of the proxy from outside, for a while. */
export interface Sighting {
  readonly peakMiB: number;
  readonly endMiB: number;
  /** Files and sockets open at one time. */
  readonly mostHandles: number;
  readonly probes: number;
  /** Of these, not answered with 200 in time. */
  readonly probesFailed: number;
  readonly longestProbeMs: number;
}

/** Looks at a proxy once a second: its memory, its handles, and whether `/healthz` answers a probe with a connection of its own. */
export class Watch {
  readonly #pid: number;
  readonly #adminPort: number;
  readonly #ended: Promise<void>;
  #isStopped = false;
  #probesMs: number[] = [];
  #probesFailed = 0;
  #mostHandles = 0;

  constructor(pid: number, adminPort: number) {
    this.#pid = pid;
    this.#adminPort = adminPort;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  get residentMiB(): number {
    return inMiB(residentBytes(this.#pid));
  }

  /** What was seen since this was last called. */
  take(): Sighting {
    const [probesMs, probesFailed, mostHandles] = [this.#probesMs, this.#probesFailed, this.#mostHandles];
    this.#probesMs = [];
    this.#probesFailed = 0;
    this.#mostHandles = 0;
    const peakMiB = inMiB(peakResidentBytes(this.#pid));
    forgetPeak(this.#pid);
    const probes = probesMs.length;
    const longestProbeMs = Math.max(0, ...probesMs);
    return { peakMiB, endMiB: this.residentMiB, mostHandles, probes, probesFailed, longestProbeMs };
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const fromMs = performance.now();
      this.#mostHandles = Math.max(this.#mostHandles, descriptorsOf(this.#pid).length);
      await this.#probe();
      await pause(Math.max(0, EVERY_MS - (performance.now() - fromMs)));
    }
  }

  async #probe(): Promise<void> {
    const fromMs = performance.now();
    const options = { method: 'GET', withinMs: PROBE_WITHIN_MS };
    const answer = await call(this.#adminPort, '/healthz', options).catch(() => undefined);
    this.#probesMs.push(performance.now() - fromMs);
    if (answer?.status !== 200) this.#probesFailed++;
  }
}
