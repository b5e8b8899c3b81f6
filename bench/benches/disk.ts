import { SMALL_BODY } from '../loads/state-bodies.js';
import type { SyncedWrites, SyncedWritesResult } from '../loads/synced-writes-process.js';
import { totalUs } from '../measure/cpu-cost.js';
import { Recorder } from '../measure/recorder.js';
import { Child } from '../processes/child.js';
import { subjectBars } from '../report/panels-of.js';
import { Site } from '../site.js';
import { type Bench, type BenchContext, scaled } from './bench.js';
import { measuredClosed } from './closed-http.js';
import { byTurns } from './turns.js';

const DEVICES = 1_000;
const SCENARIO = '1 connection';
const WARM_UP_SECONDS = 1;
const WRITES_SCRIPT = new URL('../loads/synced-writes-process.js', import.meta.url);

export const disk: Bench = {
  name: 'disk',
  title: 'HTTP, one connection, beside one synced write of 4 KiB after the other on the same disk',
  async run(context) {
    const recorder = new Recorder();
    const devices = scaled(context, DEVICES, 10);
    const site = await Site.open(context, { kind: 'light', devices, equalLengths: true });
    try {
      await request(context, site, devices, WARM_UP_SECONDS, undefined);
      const subjects = [site.proxy, { name: 'append' }, { name: 'overwrite' }] as const;
      await byTurns(context, SCENARIO, subjects, async ({ name }) => {
        if (name === 'stateway') await request(context, site, devices, context.seconds, recorder);
        else await write(context, name, recorder);
      });
      const measures = recorder.measures();
      return {
        measures,
        cpu: site.costs(),
        account: site.account(),
        notes: site.complaints(),
        panels: [
          subjectBars('Half of all answers within', measures, 'p50, closed loop'),
          subjectBars('Processor time of an answer', measures, 'CPU a state'),
        ],
      };
    } finally {
      await site.close();
    }
  },
};

async function request(
  context: BenchContext,
  site: Site,
  devices: number,
  seconds: number,
  recorder: Recorder | undefined,
): Promise<void> {
  const load = { connections: 1, seconds, plan: { devices, bodies: [SMALL_BODY] } };
  const scenario = recorder === undefined ? undefined : SCENARIO;
  const { result, cpu } = await measuredClosed(context, site, scenario, load);
  recorder?.addAll(SCENARIO, 'stateway', {
    'requests a second': result.answered / result.seconds,
    'p50, closed loop': result.p50Ms,
    'p99, closed loop': result.p99Ms,
    'CPU a state': totalUs(cpu),
  });
}

async function write(
  { directory, seconds }: BenchContext,
  way: SyncedWrites['way'],
  recorder: Recorder,
): Promise<void> {
  const config: SyncedWrites = { way, directory, seconds };
  const result = await Child.run<SyncedWritesResult>(WRITES_SCRIPT, 'the synced writes', config);
  recorder.addAll(SCENARIO, way, {
    'requests a second': result.writes / result.seconds,
    'p50, closed loop': result.p50Ms,
    'p99, closed loop': result.p99Ms,
    'CPU a state': result.usPerWrite,
  });
}
