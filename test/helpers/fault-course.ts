import { setTimeout as pause } from 'node:timers/promises';
import type { Fault } from '../../src/simulator/cloud-faults.js';
import type { ConservationSite } from './fault-conservation.js';
import { inForm } from './fault-form.js';
import { drawOptions } from './fault-options.js';
import { everyPhase, type PhaseKind } from './fault-phases.js';
import { portOf } from './fault-process.js';
import { Random } from './fault-random.js';
import { REFUSAL_REMEMBERED_MS } from './fault-wallet.js';

const GROUPS = 4;
const PHASE_MS = inForm({ short: [600, 1_000], long: [2_000, 8_000] } as const);
const FAIR_MS = inForm({ short: [300, 600], long: [1_000, 6_000] } as const);
const RENEW_EVERY_MS = inForm({ short: [300, 800], long: [1_000, 3_000] } as const);
const FREEZE_MS = inForm({ short: 1_500, long: 20_000 });
/** A turn goes on until this many states more are acknowledged, so that a busy machine has its bad times too. */
const STATES_A_TURN = inForm({ short: 60, long: 300 });
const AT_MOST_MS = 10_000;
/** In every so-manieth turn the proxy ends, or stands still: in the long form in each, and in some twice. */
const TURNS_AN_END = inForm({ short: 3, long: 1 });
const LEAST_TURNS = inForm({ short: 12, long: 1 });
/** What a fair cloud has all the time: it takes a while to answer, so that a kill meets requests in flight. */
const STANDING: readonly Fault[] = [
  { kind: 'refuse-attribute', attribute: 'poison', route: 'state' },
  { kind: 'late-answer', delayMs: inForm({ short: 50, long: 120 }), route: 'state' },
];

/** How often what befell a site. */
export interface CourseCounts {
  kills: number;
  stops: number;
  freezes: number;
  phases: number;
  renewals: number;
  /** The longest that a proxy took to end when it was asked to. */
  longestStopMs: number;
}

/** All that befalls a site while its devices send: bad times, ends and starts of the proxy, other tokens. */
export class Course {
  readonly counts: CourseCounts = { kills: 0, stops: 0, freezes: 0, phases: 0, renewals: 0, longestStopMs: 0 };
  /** Kinds of bad times that have been. */
  readonly kinds = new Set<string>();
  readonly #site: ConservationSite;
  readonly #seed: string;
  readonly #only: RegExp;
  readonly #over = new AbortController();
  /** Kinds that have not been yet, the next last. */
  #deck: PhaseKind[] = [];

  /** @param only names of the kinds of bad times; every kind unless given */
  constructor(site: ConservationSite, seed: string, only = /./) {
    this.#site = site;
    this.#only = only;
    this.#seed = seed;
  }

  /** Runs for so long, and a few turns at least; then the cloud is well and the proxy runs. */
  async run(forMs: number): Promise<void> {
    const renewals = this.#renewals();
    try {
      const endsAtMs = performance.now() + forMs;
      const random = new Random(`${this.#seed} course`);
      for (let turn = 0; turn < LEAST_TURNS || performance.now() < endsAtMs; turn++) await this.#turn(turn, random);
    } finally {
      this.#over.abort();
      this.#site.cloud.setFaults([]);
      await renewals;
    }
  }

  /** A fair time and a bad one. */
  async #turn(turn: number, random: Random): Promise<void> {
    const isEnding = turn % TURNS_AN_END === TURNS_AN_END - 1;
    const endsWhenFair = random.chance(1 / 3);
    const endsWhenBad = !endsWhenFair || random.chance(TURNS_AN_END === 1 ? 1 / 3 : 0);
    this.#site.cloud.setFaults(STANDING);
    await this.#pass(random, FAIR_MS, isEnding && endsWhenFair);
    await this.#phase(this.#nextKinds(random), random, isEnding && endsWhenBad);
  }

  /** Lets time go by until devices have sent for so long and so much, perhaps with an end of the proxy in its midst. */
  async #pass(random: Random, [least, most]: readonly [number, number], isEnding: boolean): Promise<void> {
    const wanted = this.#site.acknowledged + STATES_A_TURN;
    const ms = random.whole(least, most);
    if (!isEnding) await pause(ms);
    else {
      await pause(ms * random.next());
      await this.#restart(random);
    }
    const deadlineMs = performance.now() + AT_MOST_MS;
    while (this.#site.acknowledged < wanted && performance.now() < deadlineMs) await pause(20);
  }

  /** One that has the whole line to itself, or one for each group of devices. */
  #nextKinds(random: Random): PhaseKind[] {
    if (this.#deck.length < GROUPS) this.#deck = [...everyPhase(random, this.#only), ...this.#deck];
    const first = this.#deck.pop() as PhaseKind;
    if (first.isForAll) return [first];
    const others = this.#deck.filter(({ isForAll }) => !isForAll).slice(0, GROUPS - 1);
    this.#deck = this.#deck.filter((kind) => !others.includes(kind));
    return [first, ...others];
  }

  async #phase(kinds: readonly PhaseKind[], random: Random, isEnding: boolean): Promise<void> {
    const faults: Fault[] = [];
    const befalling = kinds.map((kind, group) => ({ kind, deviceIds: kind.isForAll ? undefined : this.#group(group) }));
    for (const { kind, deviceIds } of befalling) {
      this.counts.phases++;
      this.kinds.add(kind.name);
      const ids = deviceIds === undefined ? {} : { deviceIds: [...deviceIds] };
      faults.push(...kind.faults.map((fault) => ({ ...fault, ...ids })));
      this.#warn(kind, deviceIds);
    }
    const atLeastMs = Math.max(0, ...kinds.map((kind) => kind.atLeastMs ?? 0));
    const [least, most] = PHASE_MS;
    let act = async (): Promise<void> => {
      this.#site.cloud.setFaults([...faults, ...STANDING]);
      await this.#pass(random, [Math.max(least, atLeastMs), Math.max(most, atLeastMs)], isEnding);
      this.#site.cloud.setFaults(STANDING);
    };
    for (const { kind, deviceIds } of befalling) {
      const inner = act;
      if (kind.isUnknown) act = () => this.#site.disturb('line', deviceIds, inner);
    }
    await act();
    for (const { kind, deviceIds } of befalling) if (kind.forbids) this.#forbid(deviceIds, REFUSAL_REMEMBERED_MS);
  }

  /** Lets the accounts know what they are about to see. */
  #warn(kind: PhaseKind, deviceIds: ReadonlySet<string> | undefined): void {
    if (kind.forbids) this.#forbid(deviceIds, Number.POSITIVE_INFINITY);
    if (kind.refusedShare === undefined) return;
    for (const account of this.#site.accounts) {
      if (!(deviceIds?.has(account.device.deviceId) ?? true)) continue;
      account.refusedShare = Math.max(account.refusedShare, kind.refusedShare);
    }
  }

  #forbid(deviceIds: ReadonlySet<string> | undefined, forMs: number): void {
    for (const account of this.#site.accounts) {
      if (!(deviceIds?.has(account.device.deviceId) ?? true)) continue;
      account.mayBeForbiddenUntilMs = performance.now() + forMs;
    }
  }

  #group(group: number): ReadonlySet<string> {
    const members = this.#site.accounts.filter((_, index) => index % GROUPS === group);
    return new Set(members.map(({ device }) => device.deviceId));
  }

  async #restart(random: Random): Promise<void> {
    const site = this.#site;
    // The first of a run is a kill and the second a stop, so that a short one has both.
    const ends = this.counts.kills + this.counts.stops + this.counts.freezes;
    const draw = ends === 0 ? 0 : ends === 1 ? 0.6 : random.next();
    if (draw >= 0.9) return this.#freeze();
    if (draw < 0.55) await this.#kill();
    else await this.#stop();
    await site.start(drawOptions(random, site.dataDir, site.upstreamToken));
  }

  async #kill(): Promise<void> {
    this.counts.kills++;
    await this.#site.disturb('kill', undefined, () => this.#site.proxy.kill());
  }

  async #stop(): Promise<void> {
    this.counts.stops++;
    const tookMs = await this.#site.stop();
    this.counts.longestStopMs = Math.max(this.counts.longestStopMs, tookMs);
  }

  /** As a virtual machine that is moved: answers come in the meantime, and are read when it goes on. */
  async #freeze(): Promise<void> {
    this.counts.freezes++;
    const { process } = this.#site.proxy;
    process.kill('SIGSTOP');
    await pause(FREEZE_MS);
    process.kill('SIGCONT');
  }

  async #renewals(): Promise<void> {
    const random = new Random(`${this.#seed} renewals`);
    const { signal } = this.#over;
    for (;;) {
      await pause(random.whole(RENEW_EVERY_MS[0], RENEW_EVERY_MS[1]), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const wallet = random.pick(this.#site.wallets);
      this.counts.renewals++;
      if (wallet.kinds.includes('login')) await wallet.logIn(portOf(this.#site.proxy));
      else wallet.renew(random.whole(0, 1), random.chance(1 / 2));
    }
  }
}
