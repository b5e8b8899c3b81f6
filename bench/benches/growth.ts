import type { Bench, BenchRun } from './bench-run.js';
import { memoryFigures } from './idle.js';
import { httpLoad, httpLoadOf, LARGE_STATE_BYTES } from './usual-loads.js';

const NUMBERS_OF_DEVICES = [10, 100, 1_000, 10_000, 100_000];
const STATES_PER_SECOND = 5_000;
const CONNECTIONS = 64;
/** For the first state of each device, which has the cloud asked about its token. */
const FIRST_STATES_PER_SECOND = 8_000;
const SIZES = { '75 bytes': 75, '1 KB': 1_024, '64 KB': LARGE_STATE_BYTES };

export const growth: Bench = {
  name: 'growth',
  title: 'cost as the work grows: 10 to 100,000 devices at the same rate, and states of 75 bytes to 64 KB',
  async measure(run) {
    for (const devices of NUMBERS_OF_DEVICES) {
      await measureDevices(run, devices);
      await run.close();
    }
    const site = await run.site({ hasAllLengths: true });
    const subjects = [site, ...(await run.peers(['nginx']))];
    for (const [title, bytes] of Object.entries(SIZES)) {
      const load = httpLoadOf(bytes, CONNECTIONS);
      await run.warmUp(site, load);
      await run.turns(`states of ${title}`, subjects, load);
    }
  },
};

/** The same number of states a second, whatever the number of devices. */
async function measureDevices(run: BenchRun, devices: number): Promise<void> {
  const site = await run.site();
  const load = { ...httpLoad(CONNECTIONS), devices };
  run.say(`${devices} devices: the first state of each`);
  const count = run.scaled(devices);
  const seconds = Math.max(1, count / FIRST_STATES_PER_SECOND);
  await run.warmUp(site, { ...load, perSecond: Math.max(count / seconds, 1_000) }, { seconds });
  const steady = { ...load, perSecond: run.scaled(STATES_PER_SECOND, 500) };
  // Once more unrecorded, so that the code of a fresh proxy is equally warm whatever the number of devices.
  await run.measure(site, undefined, [steady]);
  await run.turns(`${devices} devices`, [site], steady, {
    more: ({ posts }) => ({ 'POSTs to the cloud a second': posts / run.context.seconds, ...memoryFigures(site) }),
  });
}
