import type { Load } from '../loads/load-process.js';
import { peer } from '../subjects/peers.js';
import type { Bench } from './bench-run.js';
import { httpLoad } from './usual-loads.js';

const SCENARIO = '1 connection';

export const disk: Bench = {
  name: 'disk',
  title: 'HTTP, one connection, beside one synced write of 4 KiB after the other on the same disk',
  async measure(run) {
    const site = await run.site();
    const { directory } = run.context;
    const writes = (way: 'append' | 'overwrite') => ({
      name: way,
      subject: peer(way),
      load: { kind: 'writes', way, directory } satisfies Load,
    });
    await run.warmUp(site, httpLoad(1));
    const all = [{ name: site.name, subject: site, load: httpLoad(1) }, writes('append'), writes('overwrite')];
    await run.byTurns(SCENARIO, all, ({ subject, load }) => run.measure(subject, SCENARIO, [load]));
  },
};
