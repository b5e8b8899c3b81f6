import { type WithShare, withOwnShare } from '../measure/own-share.js';
import { serveParent } from '../processes/parent-link.js';
import { type OpenLoad, OpenLoop, type OpenResult } from './open-loop.js';
import { type RequestPlan, requestBytes } from './request-plan.js';

export interface OpenRun extends OpenLoad {
  readonly plan: RequestPlan;
}

serveParent<OpenRun, WithShare<OpenResult>>({
  start({ plan, ...load }) {
    const requests = requestBytes(plan, `127.0.0.1:${load.port}`);
    return withOwnShare(() => new OpenLoop(requests, load).run());
  },
});
