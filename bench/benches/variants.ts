import type { Load } from '../loads/load-process.js';
import { listBody, RICH_BODY } from '../loads/state-bodies.js';
import type { SiteOptions } from '../site.js';
import type { Bench, BenchRun } from './bench-run.js';
import { TWENTY_A_FRAME } from './usual-loads.js';

/** Measures variants of the proxy under the same load by turns, each under its name. */
export async function measureVariants(
  run: BenchRun,
  variants: Readonly<Record<string, SiteOptions>>,
  load: Load,
  warmUpSeconds: number,
): Promise<void> {
  const sites = [];
  for (const [name, options] of Object.entries(variants)) sites.push({ name, site: await run.site(options) });
  for (const { site } of sites) await run.warmUp(site, load, { seconds: warmUpSeconds });
  await run.byTurns('by turns', sites, ({ name, site }) => run.measure(site, name, [load]));
}

/** No more, so that none rests for the 10 s after which the cloud of the bench drops its connections. */
const WORKERS = {
  '1 worker': { env: { STATEWAY_WORKERS: '1' } },
  '2 workers': { env: { STATEWAY_WORKERS: '2' } },
  '3 workers': { env: { STATEWAY_WORKERS: '3' } },
};

export const workers: Bench = {
  name: 'workers',
  title: 'threads that decode: WebSocket, 20 states a frame that take long to decode, 1 to 3 workers',
  measure: (run) =>
    measureVariants(run, WORKERS, { ...TWENTY_A_FRAME, devices: 100, payloads: [listBody(20, RICH_BODY.text)] }, 1),
};
