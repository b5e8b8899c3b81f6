import { type Account, accountOf, addAccounts, type Expectation } from '../account.js';
import type { SocketResult } from '../loads/socket-load.js';
import { listBody, SMALL_STATE } from '../loads/state-bodies.js';
import { Recorder } from '../measure/recorder.js';
import { subjectBars } from '../report/panels-of.js';
import { Site } from '../site.js';
import { type Bench, type BenchContext, type BenchResult, scaled } from './bench.js';
import { Notes } from './notes.js';
import { runSockets, socketExpectation } from './run-sockets.js';

const DEVICES = 1_000;
const STATES = 2_000_000;
const STATES_A_FRAME = 20;
const FILL_WITHIN_SECONDS = 60;
const DRAIN_WITHIN_MS = 120_000;
const MEGABYTE = 1_000_000;

export const drain: Bench = {
  name: 'drain',
  title: '2 million states taken in while the cloud is away; kill -9, start again; the cloud is back',
  async run(context) {
    const recorder = new Recorder();
    const notes = new Notes();
    const accounts: Account[] = [];
    for (let run = 0; run < context.runs; run++) {
      context.say(`run ${run + 1} of ${context.runs}`);
      const devices = scaled(context, DEVICES, 10);
      const site = await Site.open(context, { kind: 'light', devices, equalLengths: true });
      try {
        accounts.push(await new DrainRun(context, site, devices, recorder).run());
        notes.add(...site.complaints());
      } finally {
        await site.close();
      }
    }
    return result(recorder, notes, addAccounts(accounts));
  },
};

/** One outage with its end, on a fresh data directory. */
class DrainRun {
  readonly #context: BenchContext;
  readonly #site: Site;
  readonly #devices: number;
  readonly #recorder: Recorder;

  constructor(context: BenchContext, site: Site, devices: number, recorder: Recorder) {
    this.#context = context;
    this.#site = site;
    this.#devices = devices;
    this.#recorder = recorder;
  }

  async run(): Promise<Account> {
    const site = this.#site;
    // Grants are learned while the cloud can be asked.
    await this.#sendOneEach();
    await site.proxy.settled(DRAIN_WITHIN_MS);
    const before = await site.snapshot();
    await site.cloud.goAway();
    const filled = await this.#fill();
    const scenario = 'after kill -9';
    this.#add(scenario, 'time to ready', (await site.restart()) / 1000);
    this.#add(scenario, 'resident memory', site.proxy.memory().residentBytes / MEGABYTE);
    await site.cloud.comeBack();
    const startedAtMs = performance.now();
    // Devices show their tokens again, as they do with whatever they report next.
    const woken = await this.#sendOneEach();
    await site.proxy.settled(DRAIN_WITHIN_MS);
    const seconds = (performance.now() - startedAtMs) / 1000;
    const account = accountOf(sumOf(filled, woken), before, await site.snapshot(), 0);
    this.#add('the cloud is back', 'states a second', account.arrived / seconds);
    this.#add('the cloud is back', 'resident memory', site.proxy.memory().residentBytes / MEGABYTE);
    return account;
  }

  async #fill(): Promise<SocketResult> {
    const wanted = scaled(this.#context, STATES, 2_000);
    const framesPerSocket = Math.ceil(wanted / STATES_A_FRAME / this.#devices);
    const filled = await runSockets({
      port: this.#site.proxy.port,
      firstDevice: 0,
      sockets: this.#devices,
      payloads: [{ payload: listBody(STATES_A_FRAME).text, states: STATES_A_FRAME }],
      seconds: FILL_WITHIN_SECONDS,
      pace: { kind: 'closed', window: 8, batch: 4, framesPerSocket },
    });
    this.#add('the cloud is away', 'states a second', filled.measuredStates / filled.measuredSeconds);
    return filled;
  }

  #sendOneEach(): Promise<SocketResult> {
    return runSockets({
      port: this.#site.proxy.port,
      firstDevice: 0,
      sockets: this.#devices,
      payloads: [{ payload: SMALL_STATE, states: 1 }],
      seconds: FILL_WITHIN_SECONDS,
      pace: { kind: 'closed', window: 1, batch: 1, framesPerSocket: 1 },
    });
  }

  #add(scenario: string, metric: 'states a second' | 'time to ready' | 'resident memory', value: number): void {
    this.#recorder.add(scenario, metric, 'stateway', value);
  }
}

function sumOf(...results: readonly SocketResult[]): Expectation {
  const all = results.map((result) => socketExpectation(0, result));
  const first = all[0] as Expectation;
  const plus = (left: Uint32Array | undefined, right: Uint32Array | undefined) =>
    left?.map((count, device) => count + (right?.[device] ?? 0));
  return all.slice(1).reduce(
    (sum, next) => ({
      acknowledged: plus(sum.acknowledged, next.acknowledged),
      acknowledgedTotal: sum.acknowledgedTotal + next.acknowledgedTotal,
      sent: plus(sum.sent, next.sent),
    }),
    first,
  );
}

function result(recorder: Recorder, notes: Notes, account: Account): BenchResult {
  const measures = recorder.measures();
  return {
    measures,
    cpu: [],
    account,
    notes: notes.all(),
    panels: [
      subjectBars('States a second', measures, 'states a second'),
      subjectBars('Resident memory', measures, 'resident memory'),
    ],
  };
}
