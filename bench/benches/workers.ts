import { addAccounts } from '../account.js';
import type { FramePayload, SocketPace } from '../loads/socket-load.js';
import { listBody, RICH_BODY } from '../loads/state-bodies.js';
import { totalUs } from '../measure/cpu-cost.js';
import { Recorder } from '../measure/recorder.js';
import { subjectLines } from '../report/panels-of.js';
import { Site } from '../site.js';
import { type Bench, type BenchContext, type BenchResult, scaled } from './bench.js';
import { Notes } from './notes.js';
import { runSockets, socketExpectation } from './run-sockets.js';

/** No more, so that none rests for the 10 s after which the cloud of the bench drops its connections. */
const WORKERS = [1, 2, 3];
const SOCKETS = 100;
const STATES = 20;
const WARM_UP_SECONDS = 1;
const PACE: SocketPace = { kind: 'closed', window: 16, batch: 8 };
const PAYLOAD: FramePayload = { payload: listBody(STATES, RICH_BODY.text).text, states: STATES };

export const workers: Bench = {
  name: 'workers',
  title: 'threads that decode: WebSocket, 20 states a frame that take long to decode, 1 to 3 workers',
  async run(context) {
    const recorder = new Recorder();
    const notes = new Notes();
    const sites = new Map<number, Site>();
    try {
      for (const count of WORKERS) sites.set(count, await openSite(context, count));
      for (const site of sites.values()) await load(context, site, WARM_UP_SECONDS, undefined, recorder, notes);
      for (let run = 0; run < context.runs; run++) {
        for (const [count, site] of sites) {
          context.say(`${scenarioOf(count)}, run ${run + 1} of ${context.runs}`);
          await load(context, site, context.seconds, scenarioOf(count), recorder, notes);
        }
      }
      return resultOf([...sites.values()], recorder, notes);
    } finally {
      for (const site of sites.values()) await site.close();
    }
  },
};

function openSite(context: BenchContext, count: number): Promise<Site> {
  return Site.open(
    context,
    { kind: 'light', devices: scaled(context, SOCKETS, 10), equalLengths: true },
    { workers: count },
  );
}

async function load(
  context: BenchContext,
  site: Site,
  seconds: number,
  scenario: string | undefined,
  recorder: Recorder,
  notes: Notes,
): Promise<void> {
  const sockets = scaled(context, SOCKETS, 10);
  const { result, cpu } = await site.measured(
    scenario,
    () => runSockets({ port: site.proxy.port, firstDevice: 0, sockets, payloads: [PAYLOAD], seconds, pace: PACE }),
    (sent) => socketExpectation(0, sent),
  );
  if (scenario === undefined) return;
  notes.generator('the client', 'stateway', scenario, result.generatorShare);
  notes.failures('stateway', scenario, result.refusedFrames, result.unansweredFrames);
  recorder.addAll(scenario, 'stateway', {
    'states a second': result.measuredStates / result.measuredSeconds,
    'load generator': result.generatorShare,
    'CPU a state': totalUs(cpu),
  });
}

function resultOf(sites: readonly Site[], recorder: Recorder, notes: Notes): BenchResult {
  const measures = recorder.measures();
  const scenarios = new Map(WORKERS.map((count) => [scenarioOf(count), count]));
  return {
    measures,
    cpu: sites.flatMap((site) => site.costs()),
    account: addAccounts(sites.map((site) => site.account())),
    notes: [...notes.all(), ...sites.flatMap((site) => site.complaints())],
    panels: [subjectLines('States a second', 'STATEWAY_WORKERS', measures, 'states a second', scenarios)],
  };
}

function scenarioOf(count: number): string {
  return count === 1 ? '1 worker' : `${count} workers`;
}
