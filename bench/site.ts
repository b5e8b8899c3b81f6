import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { type Account, accountOf, type Expectation } from './account.js';
import { Cloud } from './cloud/cloud.js';
import type { ScanRules } from './cloud/state-scan.js';
import { type CpuCost, type CpuRun, cpuCost, timesBetween, totalUs } from './measure/thread-costs.js';
import { type ProxyOptions, ProxyProcess, type ProxyVariant } from './subjects/proxy-process.js';
import type { Measured, Subject } from './subjects/subject.js';

const SHOWN_COMPLAINTS = 3;
/** What the proxy may complain of where the cloud was taken away. */
const AWAY_EVENT = 'cloud-lost';

export type SiteOptions = ScanRules & ProxyVariant;

/** The proxy between a load and a cloud, on a fresh data directory. */
export class Site implements Subject {
  readonly name = 'stateway';
  readonly cloud: Cloud;
  readonly #proxyOptions: ProxyOptions;
  readonly #cpuRuns = new Map<string, CpuRun[]>();
  /** Of all loads so far. */
  readonly accounts: Account[] = [];
  proxy: ProxyProcess;

  private constructor(cloud: Cloud, proxy: ProxyProcess, proxyOptions: ProxyOptions) {
    this.cloud = cloud;
    this.proxy = proxy;
    this.#proxyOptions = proxyOptions;
  }

  static async open(directory: string, options: SiteOptions): Promise<Site> {
    const cloud = await Cloud.start(options);
    const proxyOptions = { ...options, upstreamUrl: cloud.url, directory: mkdtempSync(join(directory, 'proxy-')) };
    return new Site(cloud, await ProxyProcess.start(proxyOptions), proxyOptions);
  }

  get port(): number {
    return this.proxy.port;
  }

  pids(): readonly number[] {
    return [this.proxy.pid];
  }

  /** Runs a load, waits until the cloud has everything, and checks that it has. */
  async measured<Result extends Expectation>(
    scenario: string | undefined,
    load: () => Promise<Result>,
  ): Promise<Measured<Result>> {
    const before = await this.#look();
    const result = await load();
    await this.proxy.settled();
    const after = await this.#look();
    const account = accountOf(result, before, after, after.accepted - before.accepted);
    const run = { states: Math.max(1, account.arrived), times: timesBetween(before.times, after.times) };
    this.accounts.push(account);
    if (scenario !== undefined) this.#cpuRuns.set(scenario, [...(this.#cpuRuns.get(scenario) ?? []), run]);
    const posts = after.summary.posts - before.summary.posts;
    return { result, usPerState: totalUs(run), arrived: account.arrived, posts };
  }

  /** Kills the proxy and starts it again on the same data. @returns seconds until it was ready */
  async restart(): Promise<number> {
    await this.proxy.stop('SIGKILL');
    const startedAtMs = performance.now();
    this.proxy = await ProxyProcess.start(this.#proxyOptions);
    return (performance.now() - startedAtMs) / 1000;
  }

  /** What each scenario cost. */
  costs(): CpuCost[] {
    return Array.from(this.#cpuRuns, ([scenario, runs]) => cpuCost(scenario, runs));
  }

  /** What the proxy complained of in its log, but for what is to be expected. */
  complaints(): string[] {
    const complaints = this.proxy.complaints.filter(({ event }) => !this.cloud.wasAway || event !== AWAY_EVENT);
    return complaints.slice(0, SHOWN_COMPLAINTS).map(({ line }) => `the proxy logged ${line}`);
  }

  async close(): Promise<void> {
    await this.proxy.stop();
    await this.cloud.stop();
  }

  async #look() {
    const { received } = await this.proxy.status();
    const accepted = Object.values(received).reduce((sum, results) => sum + results.accepted, 0);
    return { ...(await this.cloud.snapshot()), accepted, times: this.proxy.times() };
  }
}
