import { setTimeout as pause } from 'node:timers/promises';
import { type PlannedDevice, planFleet } from '../../../src/simulator/fleet-plan.js';
import { Deliveries } from '../fault-deliveries.js';
import { portOf } from '../fault-process.js';
import { type AtEnd, freshDirectory, until } from '../fault-site.js';
import { verdictOf } from '../fault-verdict.js';
import { type RunningProxy, startProxy } from '../running-proxy.js';
import { arrivalsMs } from './arrivals.js';
import { type AskedOfCloud, CloudProcess } from './cloud.js';
import { type AttackCount, Crowd, type World } from './crowd.js';
import { Fleet, SHARED_ADDRESS } from './fleet.js';
import { type FleetFigures, FleetTally } from './fleet-tally.js';
import { putFirst } from './own-machine.js';
import { type Sighting, Watch } from './watch.js';

/** How a phase goes. */
export interface PhasePlan {
  readonly seconds: number;
  /** An expression for the names of the attacks; undefined: there are no strangers. */
  readonly attacks?: string;
  /** For so long the cloud is away in the middle of it. */
  readonly cloudAwaySeconds: number;
}

/** What a phase showed. */
export interface PhaseFigures {
  readonly fleet: FleetFigures;
  readonly proxy: Sighting;
  /** What the cloud was asked a second, by the devices and by the strangers. */
  readonly askedPerSecond: AskedOfCloud['asked'];
  readonly attacks: readonly AttackCount[];
  /** How long the states of the strangers' victims took to arrive in the cloud: 99 of 100 took no longer. */
  readonly victimsArriveWithinMs: number;
}

/** Loopback addresses of the strangers; the first is that of most of the good devices. */
const ADDRESSES = [SHARED_ADDRESS, ...Array.from({ length: 8 }, (_, i) => `127.0.0.${2 + i}`)];
/** Room for the grants of all good devices and what they log in, and not for what strangers could make up in a phase. */
const TOKEN_CACHE_SIZE = '4000';
const FOREIGN_TOKENS = 2_000;
const READ_ONLY_TOKENS = 64;
const TTL_SECONDS = 86_400;
/** What needs the cloud stops so long before it goes, and counts again so long after it is back. */
const AWAY_MARGIN_MS = { before: 500, after: 8_000 };
/** An ordinary state has arrived by then. */
const ON_THEIR_WAY_MS = 3_000;
const FIRST_WITHIN_MS = 20_000;
const DELIVERED_WITHIN_MS = 60_000;

interface Parts {
  readonly fleet: Fleet;
  readonly deliveries: Deliveries;
  readonly cloud: CloudProcess;
  readonly proxy: RunningProxy;
  readonly crowd: Crowd;
  readonly world: World;
  readonly watch: Watch;
}

/** The built proxy between two hundred good devices, a simulated cloud and strangers, each in a process of its own. */
export class StrangersSite {
  readonly #parts: Parts;
  readonly #tally = new FleetTally();
  #isCloudAway = false;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Opens a site whose devices are at work, each of them served once; all of it is gone when the test is over. */
  static async open(atEnd: AtEnd, form: World['form']): Promise<StrangersSite> {
    const fleet = new Fleet();
    const deliveries = new Deliveries();
    const [stranger] = planFleet(1, 'strangers') as [PlannedDevice];
    const cloud = await CloudProcess.start(atEnd, [...fleet.devices, stranger], deliveries.onTaken);
    const env = { STATEWAY_TOKEN_CACHE_SIZE: TOKEN_CACHE_SIZE };
    const proxy = await startProxy({ upstreamUrl: cloud.url, dataDir: freshDirectory(atEnd), env });
    atEnd(() => proxy.kill());
    // Only there times are compared closely.
    if (form === 'long') for (const pid of [proxy.process.pid as number, process.pid]) putFirst(pid);
    const adminPort = Number(new URL(proxy.adminUrl).port);
    const world = {
      port: portOf(proxy),
      adminPort,
      addresses: ADDRESSES,
      form,
      devices: fleet.accounts.map(({ device }) => device),
      victims: fleet.victims.map(({ device }) => device),
      tokens: await tokensOfStrangers(cloud, stranger),
    };
    const watch = new Watch(proxy.process.pid as number, adminPort);
    atEnd(() => watch.stop());
    const site = new StrangersSite({ fleet, deliveries, cloud, proxy, crowd: new Crowd(atEnd), world, watch });
    fleet.start({ port: world.port, cloud, tally: site.#tally, isCloudAway: () => site.#isCloudAway });
    atEnd(async () => {
      await proxy.kill();
      await fleet.stop();
    });
    await until(
      () => fleet.accounts.every(({ acknowledged }) => acknowledged > 0),
      FIRST_WITHIN_MS,
      () => `only ${fleet.accounts.filter(({ acknowledged }) => acknowledged > 0).length} devices were served`,
    );
    return site;
  }

  /** Looks at what happens for a while, with strangers or without. */
  async phase({ seconds, attacks, cloudAwaySeconds }: PhasePlan): Promise<PhaseFigures> {
    const { crowd, world, cloud, watch } = this.#parts;
    this.#tally.take();
    watch.take();
    const before = await cloud.counts();
    const fromMs = performance.now();
    if (attacks !== undefined) crowd.come(world, attacks);
    await pause((1_000 * (seconds - cloudAwaySeconds)) / 2);
    if (cloudAwaySeconds > 0) await this.#withoutCloud(cloudAwaySeconds);
    await pause(Math.max(0, fromMs + 1_000 * seconds - performance.now()));
    if (attacks !== undefined) await crowd.untilAtWork();
    const took = (performance.now() - fromMs) / 1_000;
    const { asked } = await cloud.counts();
    const figures = {
      fleet: this.#tally.take(),
      proxy: watch.take(),
      askedPerSecond: perSecond(before.asked, asked, took),
    };
    const victimsArriveWithinMs = this.#victimsArriveWithinMs(Date.now() - 1_000 * took);
    return { ...figures, victimsArriveWithinMs, attacks: attacks === undefined ? [] : await crowd.leave() };
  }

  #victimsArriveWithinMs(sinceMs: number): number {
    const { fleet, deliveries } = this.#parts;
    // Those sent last are still on their way.
    const untilMs = Date.now() - ON_THEIR_WAY_MS;
    const all = fleet.victims.flatMap((account) => arrivalsMs(account, deliveries, sinceMs, untilMs));
    return all.sort((a, b) => a - b)[Math.ceil(0.99 * all.length) - 1] ?? Number.NaN;
  }

  async #withoutCloud(seconds: number): Promise<void> {
    const { cloud } = this.#parts;
    this.#isCloudAway = true;
    await pause(AWAY_MARGIN_MS.before);
    await cloud.setFaults([{ kind: 'outage' }]);
    await pause(1_000 * seconds);
    await cloud.setFaults([]);
    await pause(AWAY_MARGIN_MS.after);
    this.#isCloudAway = false;
  }

  get residentMiB(): number {
    return this.#parts.watch.residentMiB;
  }

  get eventsHeard(): number {
    return this.#parts.fleet.eventsHeard;
  }

  /** The devices send no more, and what was acknowledged arrives. What does not, and all else that is wrong, in words. */
  async verdict(): Promise<{ lost: string[]; findings: string[]; acknowledged: number; throttled: number }> {
    const { fleet, deliveries, cloud } = this.#parts;
    await fleet.stop();
    const missing = () =>
      fleet.accounts.flatMap(({ device, fates }) =>
        fates.flatMap((fate, n) => (fate === 'acknowledged' && !deliveries.has(device.deviceId, n) ? [n] : [])),
      ).length;
    const deadlineMs = performance.now() + DELIVERED_WITHIN_MS;
    while (missing() > 0 && performance.now() < deadlineMs) await pause(200);
    const { throttled } = await cloud.counts();
    const [lost, findings]: [string[], string[]] = [[], []];
    for (const account of fleet.accounts) {
      const { deviceId, name } = account.device;
      const verdict = verdictOf(account, deliveries.of(deviceId), []);
      if (verdict.lost.length > 0) lost.push(`${name}: ${verdict.lost.length} lost, the first ${verdict.lost[0]}`);
      findings.push(...verdict.findings);
    }
    return { lost, findings, acknowledged: fleet.acknowledged, throttled };
  }
}

/** Genuine ones, none of which may send for a good device. */
async function tokensOfStrangers(cloud: CloudProcess, { deviceId }: PlannedDevice): Promise<World['tokens']> {
  const foreign = { subject: { kind: 'device', deviceId }, scopes: ['all.Device'], ttlSeconds: TTL_SECONDS } as const;
  const readOnly = { subject: { kind: 'user' }, scopes: ['all.User.read'], ttlSeconds: TTL_SECONDS } as const;
  return {
    foreign: await cloud.issue(Array.from({ length: FOREIGN_TOKENS }, () => foreign)),
    readOnly: await cloud.issue(Array.from({ length: READ_ONLY_TOKENS }, () => readOnly)),
  };
}

function perSecond(
  before: AskedOfCloud['asked'],
  after: AskedOfCloud['asked'],
  seconds: number,
): AskedOfCloud['asked'] {
  const rate = (route: keyof AskedOfCloud['asked']) => Math.round((after[route] - before[route]) / seconds);
  return { device: rate('device'), state: rate('state'), logIn: rate('logIn'), other: rate('other') };
}
