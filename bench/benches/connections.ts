import { addAccounts, type Expectation } from '../account.js';
import type { IdleSockets } from '../loads/idle-sockets-process.js';
import { memoryOf } from '../measure/proc.js';
import { Recorder } from '../measure/recorder.js';
import { Child } from '../processes/child.js';
import { subjectBars } from '../report/panels-of.js';
import { Site } from '../site.js';
import { Peers } from '../subjects/peers.js';
import type { Subject } from '../subjects/subject.js';
import { type Bench, type BenchContext, type BenchResult, scaled } from './bench.js';
import { Notes } from './notes.js';

const SOCKETS = 10_000;
const MEGABYTE = 1_000_000;

export const connections: Bench = {
  name: 'connections',
  title: '10,000 idle sockets, each of a device with its own token; then each sends one state to a strict cloud',
  async run(context) {
    const sockets = scaled(context, SOCKETS, 50);
    const recorder = new Recorder();
    const notes = new Notes();
    const sites: Site[] = [];
    for (let run = 0; run < context.runs; run++) {
      context.say(`${sockets} sockets, run ${run + 1} of ${context.runs}`);
      sites.push(await once(context, sockets, recorder, notes));
    }
    return result(sites, recorder, notes);
  },
};

/** Each run has a proxy of its own: memory that was needed once is not given back. */
async function once(context: BenchContext, sockets: number, recorder: Recorder, notes: Notes): Promise<Site> {
  const scenario = `${sockets} sockets`;
  const site = await Site.open(context, { kind: 'strict', devices: sockets, equalLengths: true });
  const peers = await Peers.start({ names: ['bare'], directory: context.directory });
  try {
    for (const subject of [site.proxy, ...peers.running]) {
      recorder.addAll('no socket', subject.name, memoryMetrics(subject));
      const { child, openSeconds } = await openIdle({ port: subject.port, sockets });
      recorder.addAll(scenario, subject.name, { ...memoryMetrics(subject), 'time to connect all': openSeconds });
      if (subject.name === 'stateway') {
        const { account } = await site.measured(undefined, () => child.ask<Uint32Array>('sendOneEach'), expectation);
        notes.failures('stateway', scenario, 0, sockets - account.acknowledged);
      }
      await child.stop();
    }
  } finally {
    await peers.stop();
    await site.close();
  }
  return site;
}

async function openIdle(idle: IdleSockets): Promise<{ child: Child; openSeconds: number }> {
  const script = new URL('../loads/idle-sockets-process.js', import.meta.url);
  const { child, ready } = await Child.start<{ openSeconds: number }>(script, 'the idle sockets', idle);
  return { child, openSeconds: ready.openSeconds };
}

function memoryMetrics(subject: Subject): { 'resident memory': number; 'of it pages of files': number } {
  const all = subject.pids().map(memoryOf);
  return {
    'resident memory': all.reduce((sum, { residentBytes }) => sum + residentBytes, 0) / MEGABYTE,
    'of it pages of files': all.reduce((sum, { filePageBytes }) => sum + filePageBytes, 0) / MEGABYTE,
  };
}

function expectation(acknowledged: Uint32Array): Expectation {
  return {
    acknowledged,
    acknowledgedTotal: acknowledged.reduce((sum, count) => sum + count, 0),
    sent: acknowledged.map(() => 1),
  };
}

function result(sites: readonly Site[], recorder: Recorder, notes: Notes): BenchResult {
  const measures = recorder.measures();
  notes.add(...sites.flatMap((site) => site.complaints()));
  return {
    measures,
    cpu: [],
    account: addAccounts(sites.map((site) => site.account())),
    notes: notes.all(),
    panels: [subjectBars('Resident memory with idle sockets', measures, 'resident memory')],
  };
}
