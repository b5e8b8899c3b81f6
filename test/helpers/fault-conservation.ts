import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SimulatedCloud } from '../../src/simulator/cloud.js';
import { type PlannedDevice, planFleet, planGateway } from '../../src/simulator/fleet-plan.js';
import { Account, type AccountOptions } from './fault-account.js';
import type { Conduct } from './fault-conduct.js';
import { Deliveries } from './fault-deliveries.js';
import { FrameSender } from './fault-frame-sender.js';
import { HttpSender, Intruder, sendStates } from './fault-http-sender.js';
import { CLOUD_LIMIT, PLAIN_CHOICE, type StartChoice } from './fault-options.js';
import { portOf } from './fault-process.js';
import { Random } from './fault-random.js';
import { type AtEnd, freshDirectory } from './fault-site.js';
import { type Disturbance, type Doubles, verdictOf } from './fault-verdict.js';
import { type TokenKind, Wallet } from './fault-wallet.js';
import type { Witness } from './fault-witness.js';
import { MAIN_FILE } from './program.js';
import { type RunningProxy, startProxy } from './running-proxy.js';

interface Part extends AccountOptions {
  readonly over: 'http' | 'socket';
  readonly tokens: readonly TokenKind[];
  readonly poisonEvery?: number;
  readonly toxicEvery?: number;
}

const [BIG_NOTE, GIANT_NOTE] = [9_000, 40_000];
/** What each device of the fleet is like. Numbers that share no factor, so that marks fall on different states. */
const FLEET: readonly Part[] = [
  { over: 'http', tokens: ['device'], stamped: true, poisonEvery: 50 },
  { over: 'http', tokens: ['device'], stamped: false, toxicEvery: 61 },
  { over: 'socket', tokens: ['device'], stamped: true, poisonEvery: 53 },
  { over: 'socket', tokens: ['device'], stamped: false, toxicEvery: 67 },
  { over: 'http', tokens: ['device', 'application'], stamped: true, toxicEvery: 59 },
  { over: 'http', tokens: ['send-only', 'device'], stamped: false },
  { over: 'http', tokens: ['send-only'], stamped: true },
  { over: 'socket', tokens: ['send-only'], stamped: false },
  { over: 'http', tokens: ['unnamed'], stamped: true },
  { over: 'http', tokens: ['unnamed send-only', 'application'], stamped: false },
  { over: 'http', tokens: ['login'], stamped: true },
  { over: 'socket', tokens: ['login'], stamped: false },
  { over: 'http', tokens: ['device'], stamped: true, noteLength: BIG_NOTE, poisonEvery: 41 },
  { over: 'http', tokens: ['device'], stamped: false, noteLength: GIANT_NOTE },
  { over: 'http', tokens: ['device'], stamped: true, poisonEvery: 10 },
  { over: 'socket', tokens: ['unnamed', 'device'], stamped: true },
];
const PERIPHERALS: readonly AccountOptions[] = [
  { stamped: true },
  { stamped: false },
  { stamped: true },
  { stamped: false },
];

const EXIT_WITHIN_MS = 10_000;

/** What a run has to show at the end. */
export interface ConservationVerdict {
  readonly lost: readonly string[];
  readonly findings: readonly string[];
  readonly acknowledged: number;
  /** Those held apart among them. */
  readonly deadLetters: number;
  /** The most requests of one device in one window, as the cloud counts. */
  readonly mostInWindow: number;
  readonly doubles: Doubles;
}

/** A strict cloud, the built proxy, and a fleet with every kind of device, token and transport. */
export class ConservationSite {
  readonly cloud: SimulatedCloud;
  readonly accounts: Account[] = [];
  readonly wallets: Wallet[] = [];
  readonly disturbances: Disturbance[] = [];
  readonly findings: string[] = [];
  readonly upstreamToken: string;
  readonly dataDir: string;
  readonly deliveries = new Deliveries();
  proxy!: RunningProxy;
  #choice: StartChoice = PLAIN_CHOICE;
  #upstreamUrl = '';
  readonly #senders: (() => Witness)[] = [];
  #witnesses: Witness[] = [];

  private constructor(atEnd: AtEnd, seed: string) {
    this.dataDir = freshDirectory(atEnd);
    const fleet = planFleet(FLEET.length, 'conservation');
    const gatewayAndPeripherals = planGateway(PERIPHERALS.length, 'conservation');
    const devices = [...fleet, ...gatewayAndPeripherals];
    this.cloud = new SimulatedCloud({
      devices,
      rateLimit: CLOUD_LIMIT,
      keepsRecords: false,
      onTaken: this.deliveries.onTaken,
    });
    this.upstreamToken = this.cloud.issueToken({ subject: { kind: 'user' }, scopes: ['all.User'], ttlSeconds: 86_400 });
    for (const [index, part] of FLEET.entries()) this.#add(fleet[index] as PlannedDevice, part, seed);
    this.#addGateway(gatewayAndPeripherals, seed);
    this.#addIntruders(seed);
  }

  /** Opens a site with a running proxy; all of it is gone when the test is over. */
  static async open(atEnd: AtEnd, seed: string): Promise<ConservationSite> {
    const site = new ConservationSite(atEnd, seed);
    site.#upstreamUrl = await site.cloud.start({ host: '127.0.0.1', port: 0 });
    atEnd(() => site.cloud.close());
    await site.start(PLAIN_CHOICE);
    atEnd(async () => {
      await site.proxy.kill();
      await site.stopLoad();
    });
    return site;
  }

  readonly #conduct: Conduct = {
    portNow: () => portOf(this.proxy),
    maxBodyBytesNow: () => this.#choice.maxBodyBytes,
  };

  #add(device: PlannedDevice, part: Part, seed: string): void {
    const account = new Account(device, '', { ...part, checksStamps: true });
    if (part.poisonEvery !== undefined) account.poisonEvery = part.poisonEvery;
    if (part.toxicEvery !== undefined) account.toxicEvery = part.toxicEvery;
    const wallet = new Wallet(this.cloud, device, part.tokens, [account]);
    this.accounts.push(account);
    this.wallets.push(wallet);
    const random = new Random(`${seed} ${device.name}`);
    this.#senders.push(() =>
      part.over === 'http'
        ? new HttpSender(account, wallet, this.#conduct, random)
        : new FrameSender([account], wallet, this.#conduct, random),
    );
  }

  #addGateway([gateway, ...peripherals]: readonly [PlannedDevice, ...PlannedDevice[]], seed: string): void {
    const accounts = peripherals.map(
      (device, index) => new Account(device, '', { ...(PERIPHERALS[index] as AccountOptions), checksStamps: true }),
    );
    this.accounts.push(...accounts);
    const wallet = new Wallet(this.cloud, peripherals[0] as PlannedDevice, ['gateway', 'application'], accounts);
    this.wallets.push(wallet);
    const random = new Random(`${seed} ${gateway.name}`);
    this.#senders.push(() => new FrameSender(accounts, wallet, this.#conduct, random));
  }

  /** Those who may not send: for devices that themselves send all the time. */
  #addIntruders(seed: string): void {
    const [first, second, , , , , sendOnly] = this.accounts as [Account, Account, ...Account[]];
    const readOnly = this.cloud.issueToken({
      subject: { kind: 'device', deviceId: first.device.deviceId },
      scopes: ['all.Device.read'],
      ttlSeconds: 86_400,
    });
    const foreign = this.cloud.issueToken({
      subject: { kind: 'device', deviceId: first.device.deviceId },
      scopes: ['all.Device'],
      ttlSeconds: 86_400,
    });
    const random = new Random(`${seed} intruders`);
    const madeUp = (): string => `${random.next().toString(36).slice(2)}.e30.${random.next().toString(36).slice(2)}`;
    this.#senders.push(
      () => new Intruder(first, () => ({ token: readOnly, why: 'a read-only token' }), this.#conduct, random),
      () => new Intruder(second, () => ({ token: madeUp(), why: 'a made-up token' }), this.#conduct, random),
      () =>
        new Intruder(sendOnly as Account, () => ({ token: foreign, why: "another's token" }), this.#conduct, random),
    );
  }

  startLoad(): void {
    this.#witnesses = this.#senders.map((sender) => sender());
  }

  async stopLoad(): Promise<void> {
    const witnesses = this.#witnesses;
    this.#witnesses = [];
    await Promise.all(witnesses.map((witness) => witness.stop()));
  }

  /** Starts the proxy with these options; the one before must have ended. */
  async start(choice: StartChoice): Promise<void> {
    this.#choice = choice;
    this.proxy = await startProxy({ upstreamUrl: this.#upstreamUrl, dataDir: this.dataDir, env: choice.env });
  }

  /** SIGTERM; puts down what was wrong with it. */
  async stop(): Promise<number> {
    const askedAtMs = performance.now();
    const from = this.deliveries.tide();
    const code = await this.proxy.stop();
    const { unansweredRequests = 0 } = this.proxy.log.findLast(({ event }) => event === 'stopped') ?? {};
    if (Number(unansweredRequests) > 0) this.disturbances.push({ kind: 'line', from, to: this.deliveries.tide() });
    const tookMs = Math.round(performance.now() - askedAtMs);
    if (code !== 0) this.findings.push(`SIGTERM ended with ${code}`);
    if (tookMs > EXIT_WITHIN_MS) this.findings.push(`SIGTERM took ${tookMs} ms`);
    return tookMs;
  }

  /** Ends what runs and starts it as a quiet site has it. */
  async startPlain(): Promise<void> {
    await this.stop();
    await this.start(PLAIN_CHOICE);
  }

  /** Puts down a span in which answers may not have come to the proxy. */
  async disturb(kind: Disturbance['kind'], deviceIds: ReadonlySet<string> | undefined, act: () => Promise<void>) {
    const from = this.deliveries.tide();
    await act();
    const span = { kind, from, to: this.deliveries.tide() };
    this.disturbances.push(deviceIds === undefined ? span : { ...span, deviceIds });
  }

  get acknowledged(): number {
    return this.accounts.reduce((sum, account) => sum + account.acknowledged, 0);
  }

  /** Each device sends one more state, with a token that nobody has refused, so that whatever waits may go out. */
  async knock(): Promise<void> {
    await Promise.all(
      this.accounts.map(async (account) => {
        const wallet = new Wallet(this.cloud, account.device, ['application'], [account]);
        while ((await sendStates(account, wallet, this.#conduct, 1)) !== 'acknowledged') await pause(100);
      }),
    );
  }

  /** Waits until nothing is missing, or the time is over. */
  async untilDrained(withinMs: number): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    while (performance.now() < deadlineMs) {
      const waiting = await this.#statesWaiting();
      if (waiting === 0 || (waiting <= this.#missing((account, n) => account.isToxic(n)) && this.#isRestDelivered()))
        return;
      await pause(200);
    }
    this.findings.push(`not drained within ${withinMs} ms: ${await this.#statesWaiting()} states wait`);
  }

  #isRestDelivered(): boolean {
    return this.#missing((account, n) => !account.isToxic(n) && !account.mayDie(n)) === 0;
  }

  #missing(matters: (account: Account, n: number) => boolean): number {
    let missing = 0;
    for (const account of this.accounts) {
      for (const [n, fate] of account.fates.entries()) {
        if (fate === 'acknowledged' && !this.deliveries.has(account.device.deviceId, n) && matters(account, n))
          missing++;
      }
    }
    return missing;
  }

  async #statesWaiting(): Promise<number> {
    const status = (await (await fetch(`${this.proxy.adminUrl}/status`)).json()) as { spool: { states: number } };
    return status.spool.states;
  }

  /** Compares every account with what the cloud took and what the proxy gave up. */
  async verdict(): Promise<ConservationVerdict> {
    const waiting = await this.#statesWaiting();
    const dead = await readDeadLetters(this.dataDir);
    const lost: string[] = [];
    const findings = [...this.findings];
    const doubles: Doubles = { kill: 0, line: 0 };
    let failing = 0;
    for (const account of this.accounts) {
      const { deviceId, name } = account.device;
      const verdict = verdictOf(account, this.deliveries.of(deviceId), this.disturbances, dead.get(deviceId));
      if (verdict.lost.length > 0) lost.push(`${name}: ${verdict.lost.length} lost, the first ${verdict.lost[0]}`);
      findings.push(...verdict.findings);
      failing += verdict.failing.length;
      doubles.kill += verdict.doubles.kill;
      doubles.line += verdict.doubles.line;
    }
    if (failing > waiting)
      lost.push(`${failing} states that the cloud fails for are missing, but only ${waiting} wait`);
    for (const { deviceId, maxRequestsInWindow } of this.cloud.activeDevices()) {
      if (maxRequestsInWindow <= CLOUD_LIMIT.requests) continue;
      const account = this.accounts.find(({ device }) => device.deviceId === deviceId);
      findings.push(`${account?.device.name}: ${maxRequestsInWindow} requests in a window`);
    }
    const { maxRequestsInWindow: mostInWindow } = this.cloud.summary();
    const deadLetters = [...dead.values()].reduce((sum, numbers) => sum + numbers.size, 0);
    return { lost, findings, acknowledged: this.acknowledged, deadLetters, mostInWindow, doubles };
  }
}

/** Numbers of the states in the dead letters, by device. */
async function readDeadLetters(dataDir: string): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
  const args = ['spool', 'dead-letters', '--json', '--data-dir', dataDir];
  const { stdout } = await promisify(execFile)(MAIN_FILE, args, { maxBuffer: 2 ** 28 });
  const dead = new Map<string, Set<number>>();
  for (const line of stdout.split('\n').filter((text) => text !== '')) {
    const { deviceId, state } = JSON.parse(line) as { deviceId: string; state: { data: { n: number } } };
    const numbers = dead.get(deviceId) ?? new Set();
    dead.set(deviceId, numbers.add(state.data.n));
  }
  return dead;
}
