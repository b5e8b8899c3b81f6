import type { Bench } from './bench-run.js';

const DEVICES = 5_000;
/** Beforehand, as on the day on which a plant begins: credentials that have never been good here wait in a short queue. */
const FIRST_AT_ONCE = 100;

export const login: Bench = {
  name: 'login',
  title: 'power is back: 5,000 known devices connect at once, log in, and send a first state',
  async measure(run) {
    const site = await run.site();
    const peers = await run.peers(['nginx'], site.cloud.port);
    await run.warmUp(site, { kind: 'login', devices: DEVICES, atOnce: FIRST_AT_ONCE });
    await run.turns(`${DEVICES} devices`, [site, ...peers], { kind: 'login', devices: DEVICES });
  },
};
