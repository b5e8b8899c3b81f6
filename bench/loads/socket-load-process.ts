import { type WithShare, withOwnShare } from '../measure/own-share.js';
import { serveParent } from '../processes/parent-link.js';
import { type SocketLoad, SocketLoadRun, type SocketResult } from './socket-load.js';

serveParent<SocketLoad, WithShare<SocketResult>>({
  start: (load) => withOwnShare(() => new SocketLoadRun(load).run()),
});
