import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { type Account, accountOf, addAccounts, type CloudSnapshot, type Expectation } from './account.js';
import type { BenchContext } from './benches/bench.js';
import { Cloud, type CloudOptions } from './cloud/cloud.js';
import { type CpuCost, type CpuRun, cpuCost } from './measure/cpu-cost.js';
import { timesBetween } from './measure/thread-roles.js';
import { type ProxyOptions, ProxyProcess } from './subjects/proxy-process.js';

const SETTLE_WITHIN_MS = 120_000;
const SHOWN_COMPLAINTS = 3;

export interface Measured<Result> {
  readonly result: Result;
  readonly account: Account;
  readonly cpu: CpuRun;
  /** Requests that the cloud got for it. */
  readonly posts: number;
}

export type ProxyVariant = Omit<ProxyOptions, 'upstreamUrl' | 'directory'>;

/** The proxy between a load and a cloud, on a fresh data directory. */
export class Site {
  readonly cloud: Cloud;
  readonly #proxyOptions: ProxyOptions;
  readonly #accounts: Account[] = [];
  readonly #cpuRuns = new Map<string, CpuRun[]>();
  proxy: ProxyProcess;

  private constructor(cloud: Cloud, proxy: ProxyProcess, proxyOptions: ProxyOptions) {
    this.cloud = cloud;
    this.proxy = proxy;
    this.#proxyOptions = proxyOptions;
  }

  /** @param variant where the proxy is not to be this build with its defaults */
  static async open(context: BenchContext, options: CloudOptions, variant: ProxyVariant = {}): Promise<Site> {
    const cloud = await Cloud.start(options);
    const directory = mkdtempSync(join(context.directory, 'proxy-'));
    const proxyOptions = { upstreamUrl: cloud.url, directory, ...variant };
    return new Site(cloud, await ProxyProcess.start(proxyOptions), proxyOptions);
  }

  /**
   * Runs a load, waits until the cloud has everything, and checks that it has.
   * @param scenario under which what it cost is kept; undefined: it is kept nowhere, as for warming up
   */
  async measured<Result>(
    scenario: string | undefined,
    load: () => Promise<Result>,
    expectation: (result: Result) => Expectation,
  ): Promise<Measured<Result>> {
    const before = await this.#look();
    const timesBefore = this.proxy.times();
    const result = await load();
    await this.proxy.settled(SETTLE_WITHIN_MS);
    const times = timesBetween(timesBefore, this.proxy.times());
    const after = await this.#look();
    const account = accountOf(expectation(result), before.cloud, after.cloud, after.accepted - before.accepted);
    const cpu = { states: Math.max(1, account.arrived), times };
    this.keep(account);
    if (scenario !== undefined) this.#cpuRuns.set(scenario, [...(this.#cpuRuns.get(scenario) ?? []), cpu]);
    return { result, account, cpu, posts: after.cloud.summary.posts - before.cloud.summary.posts };
  }

  /** Counts an account in that was made elsewhere. */
  keep(account: Account): void {
    this.#accounts.push(account);
  }

  /** What the cloud has now. */
  async snapshot(): Promise<CloudSnapshot> {
    return { arrived: await this.cloud.arrived(), summary: await this.cloud.summary() };
  }

  /** Kills the proxy and starts it again on the same data. @returns milliseconds until it was ready */
  async restart(): Promise<number> {
    await this.proxy.kill();
    const startedAtMs = performance.now();
    this.proxy = await ProxyProcess.start(this.#proxyOptions);
    return performance.now() - startedAtMs;
  }

  /** All accounts so far as one. */
  account(): Account {
    return addAccounts(this.#accounts);
  }

  /** What each scenario cost. */
  costs(): CpuCost[] {
    return Array.from(this.#cpuRuns, ([scenario, runs]) => cpuCost(scenario, runs));
  }

  /** What the proxy complained of in its log, but for an event that is to be expected. */
  complaints(expectedEvent?: string): string[] {
    const complaints = this.proxy.complaints.filter(({ event }) => event !== expectedEvent);
    return complaints.slice(0, SHOWN_COMPLAINTS).map(({ line }) => `the proxy logged ${line}`);
  }

  async close(): Promise<void> {
    await this.proxy.stop();
    await this.cloud.stop();
  }

  async #look(): Promise<{ cloud: CloudSnapshot; accepted: number }> {
    const { received } = await this.proxy.status();
    const accepted = Object.values(received).reduce((sum, results) => sum + results.accepted, 0);
    return { cloud: await this.snapshot(), accepted };
  }
}
