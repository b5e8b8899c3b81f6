import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Account } from '../helpers/fault-account.js';
import { inForm, measured } from '../helpers/fault-form.js';
import { portOf } from '../helpers/fault-process.js';
import { FaultSite, until } from '../helpers/fault-site.js';
import { postNumbers } from '../helpers/fault-witness.js';

const HEALTHY = 100;
/** Of the sick device that is poisoned, each so-manieth state is one the cloud refuses. */
const POISON_EVERY = 40;
const PAIRS = inForm({ short: 1, long: 2 });
const PHASE_MS = inForm({ short: 2_500, long: 30_000 });
/** A healthy device reports this often, so that each report is the first after a quiet time and goes out at once. */
const REPORT_EVERY_MS = 1_000;
const SICK_EVERY_MS = 50;
const MOST_SLOWER = 2;
/**
 * Medians below it are as good as equal: the timers and the scheduler of the machine are no finer. Beside other tests on the
 * same machine a ratio of so short a time says nothing, but that nobody is held up.
 */
const NOT_MEASURABLE_MS = inForm({ short: 250, long: 5 });
/** Each refused state costs 2·log2(n) requests, of which the device has two a second. */
const DRAIN_WITHIN_MS = inForm({ short: 30_000, long: 300_000 });
const SERVED_WITHIN_MS = 60_000;
const TIMEOUT_MS = inForm({ short: 180_000, long: 600_000 });

test(
  'one device throttled, one parked, one poisoned: a hundred healthy ones do not notice',
  async ({ onTestFinished }) => {
    const site = await FaultSite.open(onTestFinished, { devices: 3 + HEALTHY });
    const [poisoned, throttled, parked, ...healthy] = site.accounts as [Account, Account, Account, ...Account[]];
    const sick = [poisoned, throttled, parked];
    const delays = new Delays(site, healthy);
    const timers = [
      ...healthy.map((account, i) =>
        startingAt((i / HEALTHY) * REPORT_EVERY_MS, REPORT_EVERY_MS, () => delays.send(account)),
      ),
      ...sick.map((account) => startingAt(0, SICK_EVERY_MS, () => delays.send(account))),
    ];
    onTestFinished(() => {
      for (const stop of timers) stop();
    });

    parked.expectsUnauthorized = true;
    // The poison stays what it is: a cloud that took it in the end would show nothing.
    const poison = {
      kind: 'refuse-attribute',
      attribute: 'poison',
      route: 'state',
      deviceIds: [poisoned.device.deviceId],
    } as const;
    const throttle = {
      kind: 'status',
      status: 429,
      retryAfterSeconds: 2,
      route: 'state',
      deviceIds: [throttled.device.deviceId],
    } as const;
    site.cloud.setFaults([poison]);
    const medians = { without: [] as number[], with: [] as number[] };
    // First connections and grants are made.
    await until(
      () => site.accounts.every(({ acknowledged }) => acknowledged > 0),
      SERVED_WITHIN_MS,
      () => 'a device has no answer to its first state',
    );
    for (let pair = 0; pair < PAIRS; pair++) {
      medians.without.push(...(await delays.during(PHASE_MS)));
      site.cloud.setFaults([poison, throttle]);
      poisoned.poisonEvery = POISON_EVERY;
      site.cloud.revokeDevice(parked.device.deviceId);
      medians.with.push(...(await delays.during(PHASE_MS)));
      // On a machine that is late with its answers, so many states can take longer than the phase.
      await until(
        () => refusalsOf(poisoned) > pair,
        SERVED_WITHIN_MS,
        () => 'no state of the poisoned device was both poison and taken',
      );
      site.renewToken(parked);
      site.cloud.setFaults([poison]);
      poisoned.poisonEvery = Number.POSITIVE_INFINITY;
      await pause(500);
    }
    for (const stop of timers) stop();
    await delays.settled();

    const [without, withSick] = [medianOf(medians.without), medianOf(medians.with)];
    measured('delay of healthy devices', { medianMs: without, besideSickMs: withSick, samples: medians.with.length });
    expect(withSick).toBeLessThan(MOST_SLOWER * Math.max(without, NOT_MEASURABLE_MS));

    const refusals = refusalsOf(poisoned);
    for (const n of poisoned.fates.keys()) if (poisoned.isPoison(n)) poisoned.fates[n] = 'refused';
    await site.knock(sick);
    await site.untilDelivered(DRAIN_WITHIN_MS);
    const { lost, findings } = site.verdict();
    expect({ lost, findings }).toEqual({ lost: [], findings: [] });
    await expect.poll(() => site.metric('stateway_dead_letters')).toBe(refusals);
  },
  TIMEOUT_MS,
);

/** States that the proxy has taken, and the cloud never will. */
function refusalsOf(account: Account): number {
  return account.fates.filter((fate, n) => fate === 'acknowledged' && account.isPoison(n)).length;
}

/** Times from a state's sending to its arrival in the cloud. */
class Delays {
  readonly #site: FaultSite;
  readonly #healthy: ReadonlySet<Account>;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #waiting = new Set<Account>();
  #sent: { account: Account; n: number; atMs: number }[] = [];

  constructor(site: FaultSite, healthy: readonly Account[]) {
    this.#site = site;
    this.#healthy = new Set(healthy);
  }

  /** A device with an answer outstanding waits for it: two at once might pass one another on their way. */
  send(account: Account): void {
    if (this.#waiting.has(account)) return;
    this.#waiting.add(account);
    const [n] = account.take(1) as [number];
    if (this.#healthy.has(account)) this.#sent.push({ account, n, atMs: performance.now() });
    void postNumbers(account, [n], portOf(this.#site.proxy), this.#agent).then(() => this.#waiting.delete(account));
  }

  /** Milliseconds of each state of a healthy device that is sent from now on for so long, and until there is one of each. */
  async during(ms: number): Promise<number[]> {
    this.#sent = [];
    await pause(ms);
    await until(
      () => this.#sent.length >= this.#healthy.size,
      SERVED_WITHIN_MS,
      () => `only ${this.#sent.length} states were sent`,
    );
    const sent = this.#sent.slice();
    const delaysMs = (): number[] =>
      sent.flatMap(({ account, n, atMs }) => {
        const deliveries = this.#site.deliveries.of(account.device.deviceId);
        const delivery = deliveries.find(({ states }) => states.some(({ data }) => data.n === n));
        return delivery === undefined ? [] : [delivery.arrivedAtMs - atMs];
      });
    await until(
      () => delaysMs().length === sent.length,
      SERVED_WITHIN_MS,
      () => 'a state of a healthy device has not arrived',
    );
    return delaysMs();
  }

  async settled(): Promise<void> {
    await until(
      () => this.#waiting.size === 0,
      30_000,
      () => `${this.#waiting.size} states without an answer`,
    );
    this.#agent.destroy();
  }
}

function startingAt(afterMs: number, everyMs: number, act: () => void): () => void {
  let interval: NodeJS.Timeout | undefined;
  const timeout = setTimeout(() => {
    act();
    interval = setInterval(act, everyMs);
  }, afterMs);
  return () => {
    clearTimeout(timeout);
    clearInterval(interval);
  };
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
