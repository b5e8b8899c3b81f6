import { type Account, addAccounts } from '../account.js';
import { SMALL_BODY } from '../loads/state-bodies.js';
import { type CpuCost, totalUs } from '../measure/cpu-cost.js';
import type { Recorder } from '../measure/recorder.js';
import { subjectLines } from '../report/panels-of.js';
import { Site } from '../site.js';
import { type BenchContext, type BenchResult, scaled } from './bench.js';
import type { Notes } from './notes.js';
import { noteOpen, openExpectation, percentiles, runOpen } from './open-http.js';

const DEVICES = [10, 100, 1_000, 10_000, 100_000];
const STATES_PER_SECOND = 5_000;
const CONNECTIONS = 64;
const MEGABYTE = 1_000_000;
/** For the first state of each device, which has the cloud asked about its token. */
const FIRST_STATES_PER_SECOND = 8_000;

type Part = Omit<BenchResult, 'measures' | 'notes'>;

/** The same number of states a second from ever more devices, each with a proxy of its own. */
export async function growthOfDevices(context: BenchContext, recorder: Recorder, notes: Notes): Promise<Part> {
  const accounts: Account[] = [];
  const cpu: CpuCost[] = [];
  // Scaled down, two sizes tell whether it works.
  const sizes = context.scale === 1 ? DEVICES : DEVICES.slice(0, 2);
  for (const devices of sizes) {
    const site = await Site.open(context, { kind: 'light', devices, equalLengths: true });
    try {
      await measureDevices(context, site, devices, recorder, notes);
      accounts.push(site.account());
      cpu.push(...site.costs());
      notes.add(...site.complaints());
    } finally {
      await site.close();
    }
  }
  const scenarios = new Map(sizes.map((devices) => [scenarioOf(devices), devices]));
  const measures = recorder.measures();
  const title = `${STATES_PER_SECOND.toLocaleString('en')} states a second`;
  return {
    account: addAccounts(accounts),
    cpu,
    panels: [
      subjectLines(`Processor time a state, ${title}`, 'devices', measures, 'CPU a state', scenarios),
      subjectLines(`99 of 100 answers within, ${title}`, 'devices', measures, 'p99', scenarios),
      subjectLines(`Resident memory, ${title}`, 'devices', measures, 'resident memory', scenarios),
    ],
  };
}

async function measureDevices(
  context: BenchContext,
  site: Site,
  devices: number,
  recorder: Recorder,
  notes: Notes,
): Promise<void> {
  const plan = { devices, bodies: [SMALL_BODY] };
  const load = { port: site.proxy.port, connections: CONNECTIONS, plan };
  const scenario = scenarioOf(devices);
  context.say(`${scenario}: the first state of each`);
  const warmUpSeconds = Math.max(1, devices / FIRST_STATES_PER_SECOND);
  await site.measured(
    undefined,
    () => runOpen({ ...load, perSecond: Math.max(devices / warmUpSeconds, 1_000), seconds: warmUpSeconds }),
    (result) => openExpectation(plan, result),
  );
  const perSecond = scaled(context, STATES_PER_SECOND, 500);
  const steady = () => runOpen({ ...load, perSecond, seconds: context.seconds });
  // Once more unrecorded, so that the code of a fresh proxy is equally warm whatever the number of devices.
  await site.measured(undefined, steady, (result) => openExpectation(plan, result));
  for (let run = 0; run < context.runs; run++) {
    context.say(`${scenario}, run ${run + 1} of ${context.runs}`);
    const { result, cpu, posts } = await site.measured(scenario, steady, (sent) => openExpectation(plan, sent));
    noteOpen(notes, 'stateway', scenario, perSecond, result);
    recorder.addAll(scenario, 'stateway', {
      ...percentiles(result.latency),
      'CPU a state': totalUs(cpu),
      'POSTs to the cloud a second': posts / result.seconds,
      'resident memory': site.proxy.memory().residentBytes / MEGABYTE,
    });
  }
}

function scenarioOf(devices: number): string {
  return `${devices} devices`;
}
