import { setTimeout as pause } from 'node:timers/promises';
import { type Account, addAccounts } from '../account.js';
import { listBody } from '../loads/state-bodies.js';
import { Recorder } from '../measure/recorder.js';
import type { LinePanel } from '../report/panel.js';
import { Site } from '../site.js';
import { type Bench, type BenchContext, type BenchResult, scaled } from './bench.js';
import { Notes } from './notes.js';
import { runSockets, socketExpectation } from './run-sockets.js';

const DEVICES = 1_000;
const STATES_A_FRAME = 20;
const STATES_PER_SECOND = 100_000;
/** As many runs of a steady load long, since only growth tells. */
const LENGTH_IN_RUNS = 4;
const SAMPLE_EVERY_MS = 200;
const MEGABYTE = 1_000_000;

/** The proxy at an instant of the outage. */
interface Sample {
  readonly waitingStates: number;
  readonly residentBytes: number;
  /** Without the pages of files, which the kernel takes back when it needs them. */
  readonly ownBytes: number;
}

export const outage: Bench = {
  name: 'outage',
  title: 'memory while the cloud is away and 100,000 states a second come in',
  async run(context) {
    const recorder = new Recorder();
    const notes = new Notes();
    const accounts: Account[] = [];
    let samples: Sample[] = [];
    for (let run = 0; run < context.runs; run++) {
      context.say(`run ${run + 1} of ${context.runs}`);
      const devices = scaled(context, DEVICES, 10);
      const site = await Site.open(context, { kind: 'light', devices, equalLengths: true });
      try {
        samples = await once(context, site, devices, notes);
        record(recorder, samples);
        accounts.push(site.account());
        notes.add(...site.complaints('cloud-lost'));
      } finally {
        await site.close();
      }
    }
    return result(recorder, notes, addAccounts(accounts), samples);
  },
};

async function once(context: BenchContext, site: Site, devices: number, notes: Notes): Promise<Sample[]> {
  const load = (seconds: number, statesPerSecond: number) =>
    runSockets({
      port: site.proxy.port,
      firstDevice: 0,
      sockets: devices,
      payloads: [{ payload: listBody(STATES_A_FRAME).text, states: STATES_A_FRAME }],
      seconds,
      pace: { kind: 'open', framesPerSecond: statesPerSecond / STATES_A_FRAME },
    });
  const rate = scaled(context, STATES_PER_SECOND, 2_000);
  // The code is warm and grants are known when the cloud goes.
  await site.measured(
    undefined,
    () => load(context.seconds, rate),
    (sent) => socketExpectation(0, sent),
  );
  await site.cloud.goAway();
  const samples: Sample[] = [];
  await site.measured(
    undefined,
    async () => {
      const sampling = new AbortController();
      const sampled = sample(site, samples, sampling.signal);
      const sent = await load(context.seconds * LENGTH_IN_RUNS, rate);
      sampling.abort();
      await sampled;
      await site.cloud.comeBack();
      notes.failures('stateway', 'while the cloud was away', sent.refusedFrames, sent.unansweredFrames);
      return sent;
    },
    (sent) => socketExpectation(0, sent),
  );
  return samples;
}

async function sample(site: Site, samples: Sample[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { spool } = await site.proxy.status();
    const { residentBytes, filePageBytes } = site.proxy.memory();
    samples.push({ waitingStates: spool.states, residentBytes, ownBytes: residentBytes - filePageBytes });
    await pause(SAMPLE_EVERY_MS);
  }
}

/** Growth is counted from a quarter of the way: what comes before is the queues filling up to their bounds. */
function record(recorder: Recorder, samples: readonly Sample[]): void {
  const first = samples[Math.floor(samples.length / 4)] as Sample;
  const last = samples.at(-1) as Sample;
  const states = last.waitingStates - first.waitingStates;
  const grownBytes = last.ownBytes - first.ownBytes;
  recorder.addAll('the cloud is away', 'stateway', {
    'resident memory': last.residentBytes / MEGABYTE,
    'of it pages of files': (last.residentBytes - last.ownBytes) / MEGABYTE,
    'growth of memory': grownBytes / MEGABYTE,
    'bytes of memory a waiting state': grownBytes / Math.max(1, states),
  });
}

function result(recorder: Recorder, notes: Notes, account: Account, samples: readonly Sample[]): BenchResult {
  const line = (name: string, hue: number, bytes: (sample: Sample) => number) => ({
    name,
    hue,
    points: samples.map((at) => [at.waitingStates / 1000, bytes(at) / MEGABYTE] as const),
  });
  const memory: LinePanel = {
    kind: 'lines',
    title: 'Memory as the backlog grows, last run',
    unit: 'MB',
    xTitle: 'thousand states waiting',
    xScale: 'linear',
    series: [line('resident', 0, (at) => at.residentBytes), line('without pages of files', 1, (at) => at.ownBytes)],
  };
  return { measures: recorder.measures(), cpu: [], account, notes: notes.all(), panels: [memory] };
}
