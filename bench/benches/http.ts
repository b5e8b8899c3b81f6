import type { ClosedLoad, ClosedResult } from '../loads/closed-load.js';
import { runClosed } from '../loads/closed-loop.js';
import type { RequestPlan } from '../loads/request-plan.js';
import { SMALL_BODY } from '../loads/state-bodies.js';
import { totalUs } from '../measure/cpu-cost.js';
import { totalMs } from '../measure/proc.js';
import { Recorder } from '../measure/recorder.js';
import { subjectBars } from '../report/panels-of.js';
import { Site } from '../site.js';
import { Peers } from '../subjects/peers.js';
import type { Subject } from '../subjects/subject.js';
import { type Bench, type BenchContext, type BenchResult, scaled } from './bench.js';
import { measuredClosed } from './closed-http.js';
import { Notes } from './notes.js';
import { noteOpen, openExpectation, percentiles, runOpen } from './open-http.js';
import { byTurns } from './turns.js';

const DEVICES = 1_000;
const CONNECTIONS = [1, 64, 256];
/** Of the most requests a second that Stateway answered. */
const OPEN_SHARES = [0.25, 0.5, 0.75];
const OPEN_CONNECTIONS = 256;
const WARM_UP_SECONDS = 1;

export const http: Bench = {
  name: 'http',
  title: 'HTTP, one state a request, 1,000 devices each with its own token',
  async run(context) {
    const plan = { devices: scaled(context, DEVICES, 10), bodies: [SMALL_BODY] };
    const site = await Site.open(context, { kind: 'light', devices: plan.devices, equalLengths: true });
    const peers = await Peers.start({ names: ['bare', 'nginx', 'haproxy', 'forwarder'], directory: context.directory });
    try {
      return await new HttpRun(context, plan, site, peers).run();
    } finally {
      await peers.stop();
      await site.close();
    }
  },
};

/** One run, and the processor time that a request of it took of all processes and threads of whom it was sent to. */
interface CostedRun {
  readonly result: ClosedResult;
  readonly usPerState: number;
}

class HttpRun {
  readonly #recorder = new Recorder();
  readonly #notes = new Notes();
  readonly #context: BenchContext;
  readonly #plan: RequestPlan;
  readonly #site: Site;
  readonly #peers: Peers;

  constructor(context: BenchContext, plan: RequestPlan, site: Site, peers: Peers) {
    this.#context = context;
    this.#plan = plan;
    this.#site = site;
    this.#peers = peers;
    this.#notes.skipped(peers.skipped);
  }

  async run(): Promise<BenchResult> {
    const subjects = [this.#site.proxy, ...this.#peers.running];
    for (const subject of subjects) await this.#closed(subject, 64, WARM_UP_SECONDS, undefined);
    for (const connections of CONNECTIONS) {
      const scenario = connections === 1 ? '1 connection' : `${connections} connections`;
      await byTurns(this.#context, scenario, subjects, (subject) =>
        this.#closed(subject, connections, this.#context.seconds, scenario),
      );
    }
    const most = this.#recorder.median('256 connections', 'requests a second') as number;
    // The handler and the forwarder say nothing about how long a device waits at a gateway.
    const compared = subjects.filter(({ name }) => name === 'stateway' || name === 'nginx');
    for (const share of OPEN_SHARES) {
      const scenario = `open loop at ${share} of the most`;
      await byTurns(this.#context, scenario, compared, (subject) => this.#open(subject, most * share, scenario));
    }
    return this.#result();
  }

  async #closed(subject: Subject, connections: number, seconds: number, scenario: string | undefined): Promise<void> {
    const load = { connections, seconds, plan: this.#plan };
    const { closedTool } = this.#context;
    const { result, usPerState } = await (subject.name === 'stateway'
      ? this.#closedOwn(scenario, load)
      : this.#closedPeer(subject, load));
    if (scenario === undefined) return;
    this.#notes.generator(closedTool, subject.name, scenario, result.generatorShare);
    this.#notes.failures(subject.name, scenario, result.refused, result.failures);
    this.#recorder.addAll(scenario, subject.name, {
      'requests a second': result.answered / result.seconds,
      'p50, closed loop': result.p50Ms,
      'p99, closed loop': result.p99Ms,
      'load generator': result.generatorShare,
      'CPU a state': usPerState,
    });
  }

  async #closedOwn(scenario: string | undefined, load: Omit<ClosedLoad, 'port'>): Promise<CostedRun> {
    const { result, cpu } = await measuredClosed(this.#context, this.#site, scenario, load);
    return { result, usPerState: totalUs(cpu) };
  }

  /** A peer is done with a request when it has answered; what stands behind it is not counted. */
  async #closedPeer({ pids, port }: Subject, load: Omit<ClosedLoad, 'port'>): Promise<CostedRun> {
    const { closedTool, directory } = this.#context;
    const beforeMs = totalMs(pids());
    const result = await runClosed(closedTool, { ...load, port }, directory);
    return { result, usPerState: ((totalMs(pids()) - beforeMs) * 1000) / Math.max(1, result.answered) };
  }

  async #open(subject: Subject, perSecond: number, scenario: string): Promise<void> {
    const { seconds } = this.#context;
    const plan = this.#plan;
    const load = {
      port: subject.port,
      connections: OPEN_CONNECTIONS,
      perSecond,
      seconds,
      warmUpSeconds: WARM_UP_SECONDS,
      plan,
    };
    const result =
      subject.name === 'stateway'
        ? (
            await this.#site.measured(
              scenario,
              () => runOpen(load),
              (sent) => openExpectation(this.#plan, sent),
            )
          ).result
        : await runOpen(load);
    noteOpen(this.#notes, subject.name, scenario, perSecond, result);
    this.#recorder.addAll(scenario, subject.name, {
      ...percentiles(result.latency),
      'rate that was held': result.answers / result.seconds,
      'load generator': result.generatorShare,
    });
  }

  #result(): BenchResult {
    const measures = this.#recorder.measures();
    return {
      measures,
      cpu: this.#site.costs(),
      account: this.#site.account(),
      notes: [...this.#notes.all(), ...this.#site.complaints()],
      panels: [
        subjectBars('Requests a second, closed loop', measures, 'requests a second'),
        subjectBars('99 of 100 answers within, closed loop', measures, 'p99, closed loop'),
        subjectBars('Processor time a request, closed loop', measures, 'CPU a state'),
        subjectBars('99 of 100 answers within, constant arrivals', measures, 'p99'),
      ],
    };
  }
}
