import { setTimeout as pause } from 'node:timers/promises';
import { together } from '../account.js';
import type { LoadResult } from '../loads/load-result.js';
import { runLoads } from '../loads/run-load.js';
import type { SocketLoad } from '../loads/socket-load.js';
import { SMALL_BODY } from '../loads/state-bodies.js';
import type { Figures } from '../measure/metrics.js';
import { memoryOf } from '../measure/proc.js';
import type { Site } from '../site.js';
import type { Bench, BenchRun } from './bench-run.js';
import { MEGABYTE, memoryFigures } from './idle.js';
import { DEVICES, TWENTY_A_FRAME } from './usual-loads.js';

const STATES = 2_000_000;
const FILL_WITHIN_SECONDS = 60;
const SAMPLE_EVERY_MS = 100;

/** The proxy at an instant of the outage. */
interface Sample {
  readonly waitingStates: number;
  /** Without the pages of files, which the kernel takes back when it needs them. */
  readonly ownBytes: number;
}

export const drain: Bench = {
  name: 'drain',
  title:
    '2 million states taken in while the cloud is away, and memory meanwhile; kill -9, start again; the cloud is back',
  async measure(run) {
    for (let round = 1; round <= run.context.runs; round++) {
      run.say(`run ${round} of ${run.context.runs}`);
      await outage(run, await run.site());
      await run.close();
    }
  },
};

/** One outage with its end. */
async function outage(run: BenchRun, site: Site): Promise<void> {
  const devices = run.scaled(DEVICES);
  const framesPerLine = Math.ceil(run.scaled(STATES, 2_000) / 20 / devices);
  const oneEach = {
    ...TWENTY_A_FRAME,
    devices,
    payloads: [SMALL_BODY],
    pace: { window: 1, batch: 1, framesPerLine: 1 },
  };
  const filling = { ...TWENTY_A_FRAME, devices, pace: { window: 8, batch: 4, framesPerLine } };
  const send = (load: SocketLoad) =>
    runLoads([load], { port: site.port, seconds: FILL_WITHIN_SECONDS }, run.context.directory);
  const record = (scenario: string, figures: Figures) => run.recorder.addAll(scenario, site.name, figures);
  // Grants are learned while the cloud can be asked.
  await site.measured(undefined, () => send(oneEach));
  await site.cloud.goAway();
  let startedAtMs = 0;
  const { arrived } = await site.measured(undefined, async () => {
    const samples: Sample[] = [];
    const filled = await sampling(site, samples, send(filling));
    run.doubt('the cloud is away', filled);
    record('the cloud is away', { ...filled.figures, ...memoryFigures(site), ...growthIn(samples) });
    const readySeconds = await site.restart();
    record('after kill -9', { 'time to ready': readySeconds, ...memoryFigures(site) });
    await site.cloud.comeBack();
    startedAtMs = performance.now();
    // Devices show their tokens again, as they do with whatever they report next.
    return together(filled, await send(oneEach));
  });
  const seconds = (performance.now() - startedAtMs) / 1000;
  record('the cloud is back', { 'states a second': arrived / seconds, ...memoryFigures(site) });
}

/** Looks at the proxy every so often while something is under way. */
async function sampling(site: Site, samples: Sample[], underWay: Promise<LoadResult>): Promise<LoadResult> {
  let isOver = false;
  const over = underWay.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const { spool } = await site.proxy.status();
    const { residentBytes, filePageBytes } = memoryOf(site.pids());
    samples.push({ waitingStates: spool.states, ownBytes: residentBytes - filePageBytes });
    await Promise.race([over, pause(SAMPLE_EVERY_MS)]);
  }
  return over;
}

/** Growth is counted from a quarter of the way: what comes before is the queues filling up to their bounds. */
function growthIn(samples: readonly Sample[]): Figures {
  const first = samples[Math.floor(samples.length / 4)] as Sample;
  const last = samples.at(-1) as Sample;
  const grownBytes = last.ownBytes - first.ownBytes;
  return {
    'growth of memory': grownBytes / MEGABYTE,
    'bytes of memory a waiting state': grownBytes / Math.max(1, last.waitingStates - first.waitingStates),
  };
}
