import { pack } from 'msgpackr';
import type { Expectation } from '../account.js';
import type { ClosedResult } from '../loads/closed-load.js';
import { runClosed } from '../loads/closed-loop.js';
import { type RequestPlan, statesAfter } from '../loads/request-plan.js';
import type { FramePayload, SocketLoad, SocketResult } from '../loads/socket-load.js';
import { BAD_BODY, type LoadBody, listBody, RICH_BODY, SMALL_BODY, SMALL_STATE } from '../loads/state-bodies.js';
import { totalUs } from '../measure/cpu-cost.js';
import { Recorder } from '../measure/recorder.js';
import { subjectBars } from '../report/panels-of.js';
import { Site } from '../site.js';
import { type Bench, type BenchContext, type BenchResult, scaled } from './bench.js';
import { Notes } from './notes.js';
import { percentiles } from './open-http.js';
import { runSockets, socketExpectation } from './run-sockets.js';
import { byTurns } from './turns.js';

const HTTP_DEVICES = 1_000;
const HTTP_CONNECTIONS = 64;
const SOCKETS = 200;
/** Over all sockets; HTTP takes what is left of the machine. */
const FRAMES_PER_SECOND = 20_000;
/** Of twenty devices, so many send lists, rich states, and what is refused. */
const BODIES: readonly LoadBody[] = [
  ...new Array<LoadBody>(14).fill(SMALL_BODY),
  ...new Array<LoadBody>(3).fill(listBody(20)),
  ...new Array<LoadBody>(2).fill(RICH_BODY),
  BAD_BODY,
];
const PAYLOADS: readonly FramePayload[] = [
  { payload: SMALL_STATE, states: 1 },
  { payload: Uint8Array.from(pack(JSON.parse(SMALL_STATE))), states: 1 },
];
const SCENARIO = 'all at once';

export const mixed: Bench = {
  name: 'mixed',
  title: 'a plant as it is: HTTP with small, large, rich and wrong bodies, and sockets with JSON and MessagePack',
  async run(context) {
    const plan = { devices: scaled(context, HTTP_DEVICES, 20), bodies: BODIES };
    const sockets = scaled(context, SOCKETS, 10);
    const devices = plan.devices + sockets;
    const site = await Site.open(context, { kind: 'light', devices, equalLengths: false });
    try {
      return await run(context, site, plan, sockets);
    } finally {
      await site.close();
    }
  },
};

async function run(context: BenchContext, site: Site, plan: RequestPlan, sockets: number): Promise<BenchResult> {
  const recorder = new Recorder();
  const notes = new Notes();
  const measureOnce = async (scenario: string | undefined) => {
    const load = { firstDevice: plan.devices, sockets, payloads: PAYLOADS, seconds: context.seconds };
    const pace = { kind: 'open', framesPerSecond: scaled(context, FRAMES_PER_SECOND, 500) } as const;
    const both = () => bothLoads(context, plan, { ...load, pace, port: site.proxy.port });
    const { result, account, cpu } = await site.measured(scenario, both, (results) => expectation(plan, results));
    if (scenario === undefined) return;
    const { overHttp, overSockets } = result;
    notes.generator(context.closedTool, 'stateway', scenario, overHttp.generatorShare);
    notes.failures('stateway', scenario, overSockets.refusedFrames, overHttp.failures + overSockets.unansweredFrames);
    recorder.addAll(scenario, 'stateway', {
      'requests a second': (overHttp.answered + overHttp.refused) / overHttp.seconds,
      'states a second': account.arrived / overHttp.seconds,
      'p99, closed loop': overHttp.p99Ms,
      ...(overSockets.latency === undefined ? {} : percentiles(overSockets.latency)),
      'CPU a state': totalUs(cpu),
    });
  };
  await measureOnce(undefined);
  await byTurns(context, SCENARIO, [site.proxy], () => measureOnce(SCENARIO));
  const measures = recorder.measures();
  return {
    measures,
    cpu: site.costs(),
    account: site.account(),
    notes: [...notes.all(), ...site.complaints()],
    panels: [
      subjectBars('States a second, HTTP and sockets together', measures, 'states a second'),
      subjectBars('99 of 100 frames acknowledged within', measures, 'p99'),
    ],
  };
}

interface Both {
  readonly overHttp: ClosedResult;
  readonly overSockets: SocketResult;
}

async function bothLoads(
  { closedTool, directory, seconds }: BenchContext,
  plan: RequestPlan,
  load: SocketLoad,
): Promise<Both> {
  const http = { port: load.port, connections: HTTP_CONNECTIONS, seconds, plan };
  const [overHttp, overSockets] = await Promise.all([runClosed(closedTool, http, directory), runSockets(load)]);
  return { overHttp, overSockets };
}

/** Of HTTP only the requests are known, not whose were answered: what the proxy counts as accepted stands for that. */
function expectation(plan: RequestPlan, { overHttp, overSockets }: Both): Expectation {
  const { acknowledged, acknowledgedTotal, sent } = socketExpectation(plan.devices, overSockets);
  if (overHttp.made !== undefined) sent?.set(statesAfter(plan, overHttp.made));
  return { acknowledged, acknowledgedTotal, sent: overHttp.made === undefined ? undefined : sent };
}
