import type { Load } from '../loads/load-process.js';
import type { MetricName } from '../measure/metrics.js';
import type { PeerName } from '../subjects/peers.js';
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

async function measure(run: BenchRun, { peers, loads, most, mostArrivals, arrivals }: Throughput): Promise<void> {
  const site = await run.site();
  const subjects = [site, ...(await run.peers(peers))];
  for (const subject of subjects) await run.warmUp(subject, loads[most[0]] as Load);
  for (const [scenario, load] of Object.entries(loads)) await run.turns(scenario, subjects, load);
  const reached = run.recorder.median(...most) as number;
  const rate = Math.min(reached, mostArrivals ?? reached);
  if (rate < reached) run.note(`constant arrivals are shares of what the client can send, ${rate} frames/s`);
  // The handler and the forwarder say nothing about how long a device waits at a gateway.
  const compared = subjects.filter(({ name }) => name === 'stateway' || name === 'nginx');
  for (const share of OPEN_SHARES) {
    await run.turns(`open loop at ${share} of the most`, compared, arrivals(rate * share));
  }
}
