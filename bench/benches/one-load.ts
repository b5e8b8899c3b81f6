import type { RequestPlan } from '../loads/request-plan.js';
import { bodyOfBytes, listBody, SMALL_BODY } from '../loads/state-bodies.js';
import { totalUs } from '../measure/cpu-cost.js';
import type { Recorder } from '../measure/recorder.js';
import type { Site } from '../site.js';
import type { BenchContext } from './bench.js';
import { measuredClosed } from './closed-http.js';
import { openExpectation, percentiles, runOpen } from './open-http.js';
import { runSockets, socketExpectation } from './run-sockets.js';

/** Of HTTP, where nothing else is asked for. */
export const CONNECTIONS = 256;
const SOCKETS = 500;
const PLAN = { devices: 1_000, bodies: [SMALL_BODY] };
/** As the largest of `growth`: a load generator keeps all requests in memory. */
const LARGE_PLAN = { devices: 200, bodies: [bodyOfBytes(65_536)] };
const WARM_UP_SECONDS = 1;

/** What may be asked of a load. */
export interface LoadSize {
  /** Of HTTP. */
  readonly connections: number;
  /** Of arrivals, a second. */
  readonly rate: number;
}

/** Puts a load on the proxy of a site once, and records what came of it; without a scenario it only warms up. */
export type OneLoad = (
  context: BenchContext,
  site: Site,
  size: LoadSize,
  scenario: string | undefined,
  recorder: Recorder,
) => Promise<void>;

function http(plan: RequestPlan): OneLoad {
  return async (context, site, { connections }, scenario, recorder) => {
    const load = { connections, seconds: context.seconds, plan };
    const { result, cpu } = await measuredClosed(context, site, scenario, load);
    if (scenario === undefined) return;
    recorder.addAll(scenario, 'stateway', {
      'requests a second': result.answered / result.seconds,
      'p50, closed loop': result.p50Ms,
      'p99, closed loop': result.p99Ms,
      'CPU a state': totalUs(cpu),
    });
  };
}

function sockets(states: number, window: number): OneLoad {
  return async ({ seconds }, site, _size, scenario, recorder) => {
    const payloads = [{ payload: states === 1 ? SMALL_BODY.text : listBody(states).text, states }];
    const pace = { kind: 'closed', window, batch: window / 2 } as const;
    const load = { port: site.proxy.port, firstDevice: 0, sockets: SOCKETS, payloads, seconds, pace };
    const { result, cpu } = await site.measured(
      scenario,
      () => runSockets(load),
      (sent) => socketExpectation(0, sent),
    );
    if (scenario === undefined) return;
    recorder.addAll(scenario, 'stateway', {
      'states a second': result.measuredStates / result.measuredSeconds,
      'CPU a state': totalUs(cpu),
    });
  };
}

async function arrivals(
  { seconds }: BenchContext,
  site: Site,
  { connections, rate: perSecond }: LoadSize,
  scenario: string | undefined,
  recorder: Recorder,
): Promise<void> {
  const { port } = site.proxy;
  const load = { port, connections, perSecond, seconds, warmUpSeconds: WARM_UP_SECONDS, plan: PLAN };
  const { result, cpu } = await site.measured(
    scenario,
    () => runOpen(load),
    (sent) => openExpectation(PLAN, sent),
  );
  if (scenario === undefined) return;
  recorder.addAll(scenario, 'stateway', { ...percentiles(result.latency), 'CPU a state': totalUs(cpu) });
}

/** The loads of `npm run bench:builds`, as those of the benches. */
export const LOADS = {
  http: http(PLAN),
  large: http(LARGE_PLAN),
  websocket: sockets(1, 128),
  lists: sockets(20, 16),
  arrivals,
} as const satisfies Readonly<Record<string, OneLoad>>;

export type LoadName = keyof typeof LOADS;
