import { pack } from 'msgpackr';
import type { SocketLoad } from '../loads/socket-load.js';
import { BAD_BODY, type LoadBody, listBody, RICH_BODY, SMALL_BODY, SMALL_STATE } from '../loads/state-bodies.js';
import type { Bench } from './bench-run.js';
import { DEVICES, httpLoad } from './usual-loads.js';

const SOCKETS = 200;
/** Over all sockets; HTTP takes what is left of the machine. */
const FRAMES_PER_SECOND = 20_000;
/** Of twenty devices, so many send lists, rich states, and what is refused. */
const BODIES: readonly LoadBody[] = [
  ...new Array<LoadBody>(14).fill(SMALL_BODY),
  ...new Array<LoadBody>(3).fill(listBody(20)),
  ...new Array<LoadBody>(2).fill(RICH_BODY),
  BAD_BODY,
];
const PAYLOADS = [SMALL_BODY, { text: Uint8Array.from(pack(JSON.parse(SMALL_STATE))), states: 1 }];

export const mixed: Bench = {
  name: 'mixed',
  title: 'a plant as it is: HTTP with small, large, rich and wrong bodies, and sockets with JSON and MessagePack',
  async measure(run) {
    const site = await run.site({ hasAllLengths: true });
    const pace = { perSecond: run.scaled(FRAMES_PER_SECOND, 500) };
    const firstDevice = run.scaled(DEVICES);
    const sockets: SocketLoad = { kind: 'sockets', firstDevice, devices: SOCKETS, payloads: PAYLOADS, pace };
    const both = [sockets, { ...httpLoad(64), bodies: BODIES }];
    const { seconds } = run.context;
    await run.measure(site, undefined, both);
    await run.byTurns('all at once', [site], () =>
      run.measure(site, 'all at once', both, { more: ({ arrived }) => ({ 'states a second': arrived / seconds }) }),
    );
  },
};
