import { serveParent } from '../processes/parent-link.js';
import { runAutocannon } from './autocannon.js';
import { type HttpLoad, runHttp } from './http-load.js';
import type { LoadResult, Target } from './load-result.js';
import { runLogin } from './login-load.js';
import { runSockets } from './socket-load.js';
import { runWrites } from './synced-writes.js';

const http = (load: HttpLoad, target: Target) =>
  load.perSecond === undefined ? runAutocannon(load, target) : runHttp(load, target);
const KINDS = { http, sockets: runSockets, login: runLogin, writes: runWrites };

export type Load = Parameters<(typeof KINDS)[keyof typeof KINDS]>[0];

export interface LoadRun {
  readonly load: Load;
  readonly target: Target;
}

/** Runs one load, and says what share of one core this process took for it. */
serveParent<LoadRun, LoadResult>({
  async start({ load, target }) {
    const startedAtMs = performance.now();
    const before = process.cpuUsage();
    const result = await KINDS[load.kind](load as never, target);
    const { user, system } = process.cpuUsage(before);
    const share = (user + system) / 1000 / (performance.now() - startedAtMs);
    return { ...result, figures: { ...result.figures, 'load generator': share } };
  },
});
