import type { Expectation } from '../account.js';
import type { LoginLoad, LoginResult } from '../loads/login-process.js';
import type { WithShare } from '../measure/own-share.js';
import { Recorder } from '../measure/recorder.js';
import { Child } from '../processes/child.js';
import { subjectBars } from '../report/panels-of.js';
import { Site } from '../site.js';
import { Peers } from '../subjects/peers.js';
import type { Subject } from '../subjects/subject.js';
import { type Bench, type BenchContext, type BenchResult, scaled } from './bench.js';
import { Notes } from './notes.js';
import { percentiles } from './open-http.js';
import { byTurns } from './turns.js';

const DEVICES = 5_000;
/** Beforehand, as on the day on which a plant begins: credentials that have never been good here wait in a short queue. */
const FIRST_AT_ONCE = 100;

export const login: Bench = {
  name: 'login',
  title: 'power is back: 5,000 known devices connect at once, log in, and send a first state',
  async run(context) {
    const devices = scaled(context, DEVICES, 20);
    const site = await Site.open(context, { kind: 'light', devices, equalLengths: true });
    const peers = await Peers.start({
      names: ['nginx'],
      directory: context.directory,
      upstreamPort: site.cloud.port,
    });
    try {
      return await run(context, devices, site, peers);
    } finally {
      await peers.stop();
      await site.close();
    }
  },
};

async function run(context: BenchContext, devices: number, site: Site, peers: Peers): Promise<BenchResult> {
  const recorder = new Recorder();
  const notes = new Notes();
  notes.skipped(peers.skipped);
  const scenario = `${devices} devices`;
  await site.measured(
    undefined,
    () => runStorm({ port: site.proxy.port, devices, atOnce: FIRST_AT_ONCE }),
    expectation,
  );
  const storm = async (subject: Subject) => {
    const load = () => runStorm({ port: subject.port, devices, atOnce: devices });
    const result =
      subject.name === 'stateway' ? (await site.measured(scenario, load, expectation)).result : await load();
    const up = result.acknowledged.reduce((sum, count) => sum + count, 0);
    notes.failures(subject.name, scenario, 0, devices - up);
    recorder.addAll(scenario, subject.name, {
      'log-ins a second': up / result.seconds,
      'time until all are up': result.seconds,
      ...percentiles(result.latency),
      'load generator': result.generatorShare,
    });
  };
  await byTurns(context, scenario, [site.proxy, ...peers.running], storm);
  const measures = recorder.measures();
  return {
    measures,
    cpu: site.costs(),
    account: site.account(),
    notes: [...notes.all(), ...site.complaints()],
    panels: [
      subjectBars('Log-ins and first states a second', measures, 'log-ins a second'),
      subjectBars('Time until all devices are up', measures, 'time until all are up'),
    ],
  };
}

function runStorm(load: LoginLoad): Promise<WithShare<LoginResult>> {
  return Child.run(new URL('../loads/login-process.js', import.meta.url), 'the storm', load);
}

function expectation({ acknowledged }: LoginResult): Expectation {
  return {
    acknowledged,
    acknowledgedTotal: acknowledged.reduce((sum, count) => sum + count, 0),
    sent: acknowledged.map(() => 1),
  };
}
