import type { Expectation } from '../account.js';
import type { SocketLoad, SocketResult } from '../loads/socket-load.js';
import type { WithShare } from '../measure/own-share.js';
import { Child } from '../processes/child.js';

/** Runs a load over WebSockets in a process of its own. */
export function runSockets(load: SocketLoad): Promise<WithShare<SocketResult>> {
  return Child.run(new URL('../loads/socket-load-process.js', import.meta.url), 'the sockets', load);
}

/** What a load over WebSockets says of the states it sent. */
export function socketExpectation(firstDevice: number, { acknowledged, sent }: SocketResult): Expectation {
  return {
    acknowledged: shifted(acknowledged, firstDevice),
    acknowledgedTotal: acknowledged.reduce((sum, count) => sum + count, 0),
    sent: shifted(sent, firstDevice),
  };
}

function shifted(counts: Uint32Array, by: number): Uint32Array {
  const all = new Uint32Array(by + counts.length);
  all.set(counts, by);
  return all;
}
