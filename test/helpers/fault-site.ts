import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SimulatedCloud, type SimulatedCloudOptions } from '../../src/simulator/cloud.js';
import { planFleet } from '../../src/simulator/fleet-plan.js';
import { Account, type AccountOptions } from './fault-account.js';
import { Deliveries } from './fault-deliveries.js';
import { portOf } from './fault-process.js';
import { type Disturbance, verdictOf } from './fault-verdict.js';
import { HttpWitness, postNumbers, SocketWitness, type Witness } from './fault-witness.js';
import { askOnce, call } from './http-client.js';
import { type ProxyOptions, type RunningProxy, startProxy } from './running-proxy.js';

/** Registers what is to be done when a test is over: `onTestFinished` of its context. */
export type AtEnd = (task: () => void | Promise<void>) => void;

export interface FaultSiteOptions {
  readonly devices: number;
  readonly cloud?: Partial<SimulatedCloudOptions>;
  readonly env?: Readonly<Record<string, string>>;
  /** Where the proxy keeps its data; a fresh directory unless given. */
  readonly dataDir?: string;
  readonly under?: readonly string[];
  /** The way to the cloud, given the cloud's own URL; straight unless given. */
  readonly upstream?: (cloudUrl: string) => Promise<string>;
  readonly noteLength?: number;
}

/** What a whole site has to show at the end. */
export interface SiteVerdict {
  /** Of each device that has lost any acknowledged state: how many. */
  readonly lost: readonly string[];
  /** What else is wrong, in words. */
  readonly findings: readonly string[];
  readonly acknowledged: number;
  readonly doubled: number;
}

/** Twenty years: tokens that outlive whatever a test does to the clock. */
const TOKEN_TTL_SECONDS = 20 * 365 * 86_400;
/** For tests whose requests to the cloud should be many, so that a fault meets one in flight. */
export const LIVELY = {
  cloud: { rateLimit: { requests: 50, windowMs: 1_000 } },
  env: { STATEWAY_RATE_LIMIT: '50/1s', STATEWAY_WINDOW_MS: '10' },
} as const;

/** A simulated cloud in this process, the built proxy in another, and devices that keep account of both. */
export class FaultSite {
  readonly cloud: SimulatedCloud;
  readonly deliveries = new Deliveries();
  readonly accounts: readonly Account[];
  readonly disturbances: Disturbance[] = [];
  proxy!: RunningProxy;
  #startOptions!: ProxyOptions;
  #witnesses: Witness[] = [];

  private constructor(options: FaultSiteOptions) {
    const devices = planFleet(options.devices, 'fault');
    this.cloud = new SimulatedCloud({
      devices,
      keepsRecords: false,
      onTaken: this.deliveries.onTaken,
      ...options.cloud,
    });
    this.accounts = devices.map((device, index) => {
      const accountOptions: AccountOptions = {
        stamped: index % 3 !== 2,
        noteLength: options.noteLength ?? 0,
      };
      return new Account(device, this.#issueToken(device.deviceId), accountOptions);
    });
  }

  /** Gives a device another token, as a log-in does. */
  renewToken(account: Account): void {
    account.token = this.#issueToken(account.device.deviceId);
  }

  #issueToken(deviceId: string): string {
    const subject = { kind: 'device', deviceId } as const;
    return this.cloud.issueToken({ subject, scopes: ['all.Device'], ttlSeconds: TOKEN_TTL_SECONDS });
  }

  /** Opens a site with a running proxy; all of it is gone when the test is over. */
  static async open(atEnd: AtEnd, options: FaultSiteOptions): Promise<FaultSite> {
    const site = new FaultSite(options);
    const cloudUrl = await site.cloud.start({ host: '127.0.0.1', port: 0 });
    atEnd(() => site.cloud.close());
    const dataDir = options.dataDir ?? freshDirectory(atEnd);
    const upstreamUrl = (await options.upstream?.(cloudUrl)) ?? cloudUrl;
    site.#startOptions = { upstreamUrl, dataDir, env: options.env ?? {}, under: options.under ?? [] };
    await site.start();
    atEnd(async () => {
      await site.proxy.kill();
      await site.stopLoad();
    });
    return site;
  }

  get dataDir(): string {
    return this.#startOptions.dataDir;
  }

  /** How the proxy is started, for a start of another kind. */
  get startOptions(): ProxyOptions {
    return this.#startOptions;
  }

  /** Starts the proxy, on other data if given; the one before must have ended. */
  async start(dataDir: string = this.dataDir): Promise<void> {
    this.#startOptions = { ...this.#startOptions, dataDir };
    this.proxy = await startProxy(this.#startOptions);
  }

  /** Lets the devices send, by turns over HTTP and over WebSockets. */
  startLoad(accounts: readonly Account[] = this.accounts): void {
    const portNow = () => portOf(this.proxy);
    const witnesses = accounts.map((account, index) =>
      index % 2 === 0 ? new HttpWitness(account, portNow) : new SocketWitness(account, portNow),
    );
    this.#witnesses.push(...witnesses);
  }

  /** Posts one state of the first device, which is to send nothing else meanwhile. */
  async postOne(): Promise<Awaited<ReturnType<typeof call>>> {
    const account = this.accounts[0] as Account;
    const { applicationId, deviceId } = account.device;
    const numbers = account.take(1);
    const answer = await call(portOf(this.proxy), `/applications/${applicationId}/devices/${deviceId}/state`, {
      headers: { authorization: `Bearer ${account.token}`, 'content-type': 'application/json' },
      body: account.bodyOf(numbers),
    });
    account.settle(numbers, answer.status === 200 ? 'acknowledged' : 'refused');
    return answer;
  }

  async stopLoad(): Promise<void> {
    const witnesses = this.#witnesses;
    this.#witnesses = [];
    await Promise.all(witnesses.map((witness) => witness.stop()));
  }

  /** States acknowledged so far, of all devices. */
  get acknowledged(): number {
    return this.accounts.reduce((sum, account) => sum + account.acknowledged, 0);
  }

  /** Waits until so many more states are acknowledged. */
  async untilAcknowledged(more: number, withinMs = 60_000): Promise<void> {
    const wanted = this.acknowledged + more;
    await until(
      () => this.acknowledged >= wanted,
      withinMs,
      () => `only ${this.acknowledged} of ${wanted} acknowledged`,
    );
  }

  /** Does something that may lose answers of the cloud, and puts down when it was. */
  async disturb(kind: Disturbance['kind'], act: () => Promise<void>): Promise<void> {
    const from = this.deliveries.tide();
    await act();
    this.disturbances.push({ kind, from, to: this.deliveries.tide() });
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.disturb('kill', () => this.proxy.kill());
  }

  /** Each device sends one more state, since what waits goes out when a device shows its token. */
  async knock(accounts: readonly Account[] = this.accounts): Promise<void> {
    await Promise.all(
      accounts.map(async (account) => {
        const fate = () => postNumbers(account, account.take(1), portOf(this.proxy));
        while ((await fate()) !== 'acknowledged') await pause(100);
      }),
    );
  }

  /**
   * Waits until the cloud has all that was acknowledged, the time is over, or the proxy says that nothing waits any more;
   * what is missing then is for the verdict to say.
   */
  async untilDelivered(withinMs: number): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    for (;;) {
      const nothingWaits = (await this.status()).spool.states === 0;
      if (this.#isAllDelivered() || nothingWaits || performance.now() > deadlineMs) return;
      await pause(50);
    }
  }

  #isAllDelivered(): boolean {
    return this.accounts.every(({ device, fates }) =>
      fates.every((fate, n) => fate !== 'acknowledged' || this.deliveries.has(device.deviceId, n)),
    );
  }

  /** Compares every account with what the cloud took. */
  verdict(): SiteVerdict {
    const lost: string[] = [];
    const findings: string[] = [];
    let doubled = 0;
    for (const account of this.accounts) {
      const { deviceId, name } = account.device;
      const verdict = verdictOf(account, this.deliveries.of(deviceId), this.disturbances);
      if (verdict.lost.length > 0) lost.push(`${name}: ${verdict.lost.length} lost, the first ${verdict.lost[0]}`);
      findings.push(...verdict.findings);
      doubled += verdict.doubled;
    }
    return { lost, findings, acknowledged: this.acknowledged, doubled };
  }

  async readiness(): Promise<number> {
    return (await askOnce(`${this.proxy.adminUrl}/readyz`)).status;
  }

  async status(): Promise<{
    spool: { states: number; bytes: number; unreadableRecords: number };
    received: Record<'http' | 'websocket', { accepted: number; refused: number; unavailable: number }>;
  }> {
    return (await askOnce(`${this.proxy.adminUrl}/status`)).json() as never;
  }

  /** A figure of `/metrics` that has no label. */
  async metric(name: string): Promise<number> {
    const text = await (await askOnce(`${this.proxy.adminUrl}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }
}

/** A directory that is gone when the test is over. */
export function freshDirectory(atEnd: AtEnd): string {
  const directory = mkdtempSync(join(tmpdir(), 'stateway-fault-'));
  atEnd(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const BLOCK_BYTES = 512;

/** What the files of a directory take up, holes left out. A running proxy may rename and remove files of it meanwhile. */
export function bytesOnDisk(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).reduce(
    (sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.blocks ?? 0) * BLOCK_BYTES,
    0,
  );
}

/**
 * Waits for what a test has to wait for.
 * @throws Error with `otherwise` when it does not come about
 */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  withinMs: number,
  otherwise: () => string,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(otherwise());
    await pause(10);
  }
}
