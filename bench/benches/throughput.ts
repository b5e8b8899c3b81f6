import type { Load } from '../loads/load-process.js';
import type { MetricName } from '../measure/metrics.js';
import type { PeerName } from '../subjects/peers.js';
import type { Subject } from '../subjects/subject.js';
import type { Bench, BenchRun } from './bench-run.js';
import { httpArrivals, httpLoad, ONE_A_FRAME, TWENTY_A_FRAME } from './usual-loads.js';

/** Of the most that Stateway took. */
const OPEN_SHARES = [0.25, 0.5, 0.75];

/** As much as it goes, and then constant arrivals at shares of that. */
interface Throughput {
  readonly name: string;
  readonly title: string;
  readonly peers: readonly PeerName[];
  /** At full speed, by scenario. */
  readonly loads: Readonly<Record<string, Load>>;
  /** The scenario and the metric that say what the most is. */
  readonly most: readonly [scenario: string, metric: MetricName];
  /** What the client can send in its own time, beside a proxy on the same two cores. */
  readonly mostArrivals?: number;
  arrivals(perSecond: number): Load;
}

export const http = throughput({
  name: 'http',
  title: 'HTTP, one state a request, 1,000 devices each with its own token',
  peers: ['bare', 'nginx', 'haproxy', 'forwarder'],
  loads: { '1 connection': httpLoad(1), '64 connections': httpLoad(64), '256 connections': httpLoad(256) },
  most: ['256 connections', 'requests a second'],
  arrivals: httpArrivals,
});

export const websocket = throughput({
  name: 'websocket',
  title: 'WebSocket, 500 sockets, one state a frame and 20 states a frame',
  peers: ['bare'],
  loads: { 'one state a frame': ONE_A_FRAME, '20 states a frame': TWENTY_A_FRAME },
  most: ['one state a frame', 'states a second'],
  mostArrivals: 80_000,
  arrivals: (perSecond) => ({ ...ONE_A_FRAME, pace: { perSecond, warmUpSeconds: 1 } }),
});

function throughput(bench: Throughput): Bench {
  return { name: bench.name, title: bench.title, measure: (run) => measure(run, bench) };
}

/** Whom a load is put on, and what stands behind the names of the scenarios that are recorded of it. */
interface Side {
  readonly name: string;
  readonly subject: Subject;
  readonly suffixes: readonly string[];
}

async function measure(run: BenchRun, { peers, loads, most, mostArrivals, arrivals }: Throughput): Promise<void> {
  const own: Side[] = [];
  for (const fronts of run.context.fronts ?? [undefined]) {
    const subject = await run.site(fronts === undefined ? {} : { env: { STATEWAY_FRONTS: String(fronts) } });
    const suffix = fronts === undefined ? '' : `, fronts ${fronts}`;
    own.push({ name: subject.name + suffix, subject, suffixes: [suffix] });
  }
  const suffixes = own.flatMap((side) => side.suffixes);
  const sides = [...own, ...(await run.peers(peers)).map((subject) => ({ name: subject.name, subject, suffixes }))];
  const inTurn = (scenario: string, among: readonly Side[], load: Load) =>
    run.byTurns(scenario, among, (side) => {
      const [first, ...also] = side.suffixes.map((suffix) => scenario + suffix);
      return run.measure(side.subject, first, [load], { also });
    });
  for (const { subject } of sides) await run.warmUp(subject, loads[most[0]] as Load);
  for (const [scenario, load] of Object.entries(loads)) await inTurn(scenario, sides, load);
  const reached = run.recorder.median(most[0] + suffixes[0], most[1]) as number;
  const rate = Math.min(reached, mostArrivals ?? reached);
  if (rate < reached) run.note(`constant arrivals are shares of what the client can send, ${rate} frames/s`);
  // The handler and the forwarder say nothing about how long a device waits at a gateway.
  const compared = sides.filter(({ subject: { name } }) => name === 'stateway' || name === 'nginx');
  for (const share of OPEN_SHARES) await inTurn(`open loop at ${share} of the most`, compared, arrivals(rate * share));
}
