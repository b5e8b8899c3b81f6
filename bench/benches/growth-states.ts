import { runClosed } from '../loads/closed-loop.js';
import type { RequestPlan } from '../loads/request-plan.js';
import { bodyOfBytes } from '../loads/state-bodies.js';
import { totalUs } from '../measure/cpu-cost.js';
import type { Recorder } from '../measure/recorder.js';
import { subjectLines } from '../report/panels-of.js';
import { Site } from '../site.js';
import { Peers } from '../subjects/peers.js';
import type { Subject } from '../subjects/subject.js';
import { type BenchContext, type BenchResult, scaled } from './bench.js';
import { measuredClosed } from './closed-http.js';
import type { Notes } from './notes.js';
import { byTurns } from './turns.js';

const SIZES = [
  { title: '75 bytes', bytes: 75, devices: 1_000 },
  { title: '1 KB', bytes: 1_024, devices: 1_000 },
  // A load generator keeps all requests in memory.
  { title: '64 KB', bytes: 65_536, devices: 200 },
];
const CONNECTIONS = 64;
const WARM_UP_SECONDS = 1;
const MEGABYTE = 1_000_000;

/** As many states as it goes, of ever more bytes, beside nginx. */
export async function growthOfStates(
  context: BenchContext,
  recorder: Recorder,
  notes: Notes,
): Promise<Omit<BenchResult, 'measures' | 'notes'>> {
  const site = await Site.open(context, { kind: 'light', devices: 1_000, equalLengths: false });
  const peers = await Peers.start({ names: ['nginx'], directory: context.directory });
  notes.skipped(peers.skipped);
  try {
    for (const { title, bytes, devices } of SIZES) {
      const plan = { devices: scaled(context, devices, 10), bodies: [bodyOfBytes(bytes)] };
      const measure = (subject: Subject, seconds: number, scenario: string | undefined) =>
        measureSize(context, site, subject, { plan, seconds, connections: CONNECTIONS }, scenario, recorder, notes);
      await measure(site.proxy, WARM_UP_SECONDS, undefined);
      const subjects = [site.proxy, ...peers.running];
      const scenario = scenarioOf(title);
      await byTurns(context, scenario, subjects, (subject) => measure(subject, context.seconds, scenario));
    }
  } finally {
    await peers.stop();
    await site.close();
  }
  const scenarios = new Map(SIZES.map(({ title, bytes }) => [scenarioOf(title), bytes]));
  const measures = recorder.measures();
  notes.add(...site.complaints());
  return {
    account: site.account(),
    cpu: site.costs(),
    panels: [
      subjectLines('Requests a second, one state each', 'bytes a state', measures, 'requests a second', scenarios),
      subjectLines('Megabytes a second', 'bytes a state', measures, 'megabytes a second', scenarios),
    ],
  };
}

async function measureSize(
  context: BenchContext,
  site: Site,
  subject: Subject,
  load: { readonly plan: RequestPlan; readonly seconds: number; readonly connections: number },
  scenario: string | undefined,
  recorder: Recorder,
  notes: Notes,
): Promise<void> {
  const { closedTool, directory } = context;
  const measured = subject.name === 'stateway' ? await measuredClosed(context, site, scenario, load) : undefined;
  const result = measured?.result ?? (await runClosed(closedTool, { ...load, port: subject.port }, directory));
  if (scenario === undefined) return;
  notes.generator(closedTool, subject.name, scenario, result.generatorShare);
  notes.failures(subject.name, scenario, result.refused, result.failures);
  const perSecond = result.answered / result.seconds;
  recorder.addAll(scenario, subject.name, {
    'requests a second': perSecond,
    'megabytes a second': (perSecond * (load.plan.bodies[0]?.text.length ?? 0)) / MEGABYTE,
    'p99, closed loop': result.p99Ms,
    'load generator': result.generatorShare,
    ...(measured === undefined ? {} : { 'CPU a state': totalUs(measured.cpu) }),
  });
}

function scenarioOf(title: string): string {
  return `states of ${title}`;
}
