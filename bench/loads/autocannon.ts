import { createRequire } from 'node:module';
import { expectingInAll } from '../account.js';
import { benchDevice, statePathOf } from '../devices.js';
import type { ClosedHttpLoad } from './http-load.js';
import type { LoadResult, Target } from './load-result.js';
import { bodyOf, fewestStates } from './request-plan.js';

/** What is used of it; it brings no types. Latencies are milliseconds, the duration seconds. */
type Autocannon = (options: object) => Promise<CannonResult>;
type CannonResult = Readonly<Record<'2xx' | 'non2xx' | 'errors' | 'timeouts' | 'duration', number>> & {
  readonly latency: Readonly<Record<'p50' | 'p99', number>>;
};
interface CannonClient {
  setRequests(requests: readonly object[]): void;
}

const autocannon = createRequire(import.meta.url)('autocannon') as Autocannon;

/** Runs autocannon, for machines without `wrk`. It knows neither whose requests were answered nor which were sent. */
export async function runAutocannon(load: ClosedHttpLoad, { port, seconds }: Target): Promise<LoadResult> {
  const { connections, devices } = load;
  const requests = Array.from({ length: devices }, (_, device) => {
    const { deviceId, token } = benchDevice(device);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    return { method: 'POST', path: statePathOf(deviceId), headers, body: bodyOf(load, device).text };
  });
  let clients = 0;
  // Each connection has devices of its own; where there are fewer devices than connections, they share.
  const setupClient = (client: CannonClient): void => {
    const first = clients++ % Math.min(connections, devices);
    client.setRequests(requests.filter((_, device) => device % connections === first));
  };
  const result = await autocannon({ url: `http://127.0.0.1:${port}`, connections, duration: seconds, setupClient });
  const answered = result['2xx'];
  const { p50, p99 } = result.latency;
  return {
    ...expectingInAll(answered * fewestStates(load)),
    refused: result.non2xx,
    unanswered: result.errors + result.timeouts,
    figures: { 'requests a second': answered / result.duration, 'p50, closed loop': p50, 'p99, closed loop': p99 },
    doubts: [],
  };
}
