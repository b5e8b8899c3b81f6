import { type Account, addAccounts } from '../account.js';
import type { Load } from '../loads/load-process.js';
import type { LoadResult } from '../loads/load-result.js';
import { runLoads } from '../loads/run-load.js';
import type { Figures } from '../measure/metrics.js';
import { type Measure, Recorder } from '../measure/recorder.js';
import type { CpuCost } from '../measure/thread-costs.js';
import { Site, type SiteOptions } from '../site.js';
import { type Peer, type PeerName, startPeer } from '../subjects/peers.js';
import { type Measured, SUBJECT_TITLES, type Subject } from '../subjects/subject.js';

/** How the benches are to be run. */
export interface BenchContext {
  /** Runs of everything, by turns; medians are of so many. */
  readonly runs: number;
  /** Of one run of a steady load. */
  readonly seconds: number;
  /** Factor of all sizes: 1, or less for a look whether everything works. */
  readonly scale: number;
  /** Numbers of front threads that are measured by turns where they matter; undefined: the default alone. */
  readonly fronts?: readonly number[] | undefined;
  /** On a real disk; what is in it goes when the bench ends. */
  readonly directory: string;
}

/** What came out of a bench. */
export interface BenchResult {
  readonly measures: readonly Measure[];
  readonly cpu: readonly CpuCost[];
  readonly account: Account;
  /** What a reader of the figures must know: what was skipped, what was the limit. */
  readonly notes: readonly string[];
}

export interface Bench {
  readonly name: string;
  /** What it measures, in a sentence. */
  readonly title: string;
  /** Measures, and records it in the run. */
  measure(run: BenchRun): Promise<void>;
}

/** What is particular about one measurement. */
export interface Particulars {
  readonly seconds?: number;
  /** Of the subject, if not its usual one. */
  readonly port?: number;
  /** Under which it is recorded too. */
  readonly also?: readonly string[];
  /** Figures beside those of the load, or in place of them. */
  readonly more?: (measured: Measured<LoadResult>) => Figures;
}

const WARM_UP_SECONDS = 1;
/** A generator that takes so much of its core has no more to give. */
const LIMIT_SHARE = 0.9;
/** To which sizes go down. */
const LEAST = 20;

/** One run of a bench: opens what it needs, measures, records and keeps the accounts. */
export class BenchRun {
  readonly context: BenchContext;
  readonly recorder = new Recorder();
  readonly #notes = new Set<string>();
  readonly #accounts: Account[] = [];
  readonly #costs: CpuCost[] = [];
  #sites: Site[] = [];
  #peers: Peer[] = [];

  constructor(context: BenchContext) {
    this.context = context;
  }

  /** A size of the full bench, scaled. */
  scaled(size: number, least = LEAST): number {
    return Math.max(Math.min(least, size), Math.round(size * this.context.scale));
  }

  /** A fresh proxy with a cloud, open until this is closed. */
  async site(options: SiteOptions = {}): Promise<Site> {
    const site = await Site.open(this.context.directory, options);
    this.#sites.push(site);
    return site;
  }

  /**
   * Peers, as far as they are installed, open until this is closed.
   * @param upstreamPort whom the forwarding ones forward to; undefined: to a bare handler, so that nothing but they
   *   themselves counts
   */
  async peers(names: readonly PeerName[], upstreamPort?: number): Promise<readonly Subject[]> {
    const port = upstreamPort ?? (await this.#peer('bare', 0)).port;
    const running: Subject[] = [];
    for (const name of names) {
      try {
        running.push(await this.#peer(name, port));
      } catch (error) {
        this.note(`${SUBJECT_TITLES[name]} skipped: ${(error as Error).message}`);
      }
    }
    return running;
  }

  /** Says what is going on. */
  say(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  /** Says what a reader of the figures must know, each thing once. */
  note(...lines: readonly string[]): void {
    for (const line of lines) this.#notes.add(line);
  }

  /**
   * Measures each subject once, then each again, as often as there are runs: what the machine does meanwhile befalls them
   * all alike. Who comes first changes from round to round.
   */
  async byTurns<Named extends { readonly name: string }>(
    scenario: string,
    subjects: readonly Named[],
    measure: (subject: Named) => Promise<void>,
  ): Promise<void> {
    const { runs } = this.context;
    for (let run = 0; run < runs; run++) {
      for (let turn = 0; turn < subjects.length; turn++) {
        const subject = subjects[(run + turn) % subjects.length] as Named;
        this.say(`${scenario}, run ${run + 1} of ${runs}: ${subject.name}`);
        await measure(subject);
      }
    }
  }

  /** Measures the subjects under the same load by turns. */
  turns(scenario: string, subjects: readonly Subject[], load: Load, particulars?: Particulars): Promise<void> {
    return this.byTurns(scenario, subjects, (subject) => this.measure(subject, scenario, [load], particulars));
  }

  /** Puts loads on a subject, and records nothing. */
  warmUp(subject: Subject, load: Load, particulars?: Particulars): Promise<void> {
    return this.measure(subject, undefined, [load], { seconds: WARM_UP_SECONDS, ...particulars });
  }

  /**
   * Puts loads on a subject at once, whose sizes are scaled, and records what came of them.
   * @param scenario under which it is recorded; undefined: it is not, as for warming up
   */
  async measure(
    subject: Subject,
    scenario: string | undefined,
    loads: readonly Load[],
    { seconds = this.context.seconds, port = subject.port, also = [], more = () => ({}) }: Particulars = {},
  ): Promise<void> {
    const toScale = loads.map((load) =>
      load.kind === 'writes' ? load : { ...load, devices: this.scaled(load.devices) },
    );
    const run = () => runLoads(toScale, { port, seconds }, this.context.directory);
    const measured = await subject.measured(scenario, run);
    if (scenario === undefined) return;
    const { result, usPerState } = measured;
    this.doubt(`${SUBJECT_TITLES[subject.name]}, ${scenario}`, result);
    const figures = { 'CPU a state': usPerState, ...result.figures, ...more(measured) };
    for (const name of [scenario, ...also]) this.recorder.addAll(name, subject.name, figures);
  }

  /** Notes what makes a result worth less. */
  doubt(where: string, { refused, unanswered, doubts, figures }: LoadResult): void {
    if (refused > 0) this.note(`${where}: some requests were refused`);
    if (unanswered > 0) this.note(`${where}: some requests had no answer`);
    if ((figures['load generator'] ?? 0) >= LIMIT_SHARE) this.note(`${where}: the limit was the load generator`);
    this.note(...doubts.map((doubt) => `${where}: ${doubt}`));
  }

  /** Ends what is open, and keeps what it knows. */
  async close(): Promise<void> {
    for (const peer of this.#peers.splice(0)) await peer.stop();
    for (const site of this.#sites.splice(0)) {
      this.#accounts.push(...site.accounts);
      this.#costs.push(...site.costs());
      this.note(...site.complaints());
      await site.close();
    }
  }

  /** What came of it, once it is closed. */
  result(): BenchResult {
    const account = addAccounts(this.#accounts);
    return { measures: this.recorder.measures(), cpu: this.#costs, account, notes: [...this.#notes] };
  }

  async #peer(name: PeerName, upstreamPort: number): Promise<Peer> {
    const peer = await startPeer(name, this.context.directory, upstreamPort);
    this.#peers.push(peer);
    return peer;
  }
}

/** Runs a bench. */
export async function runBench(context: BenchContext, measure: Bench['measure']): Promise<BenchResult> {
  const run = new BenchRun(context);
  try {
    await measure(run);
  } finally {
    await run.close();
  }
  return run.result();
}
