import { createRequire } from 'node:module';
import { benchDevice, statePathOf } from '../devices.js';
import { serveParent } from '../processes/parent-link.js';
import type { ClosedLoad, ClosedResult } from './closed-load.js';
import { bodyOf, type RequestPlan } from './request-plan.js';

interface CannonRequest {
  readonly method: 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface CannonClient {
  setRequests(requests: readonly CannonRequest[]): void;
}

/** The part of autocannon's answer that is used. Latencies are milliseconds. */
interface CannonResult {
  readonly duration: number;
  readonly '2xx': number;
  readonly non2xx: number;
  readonly errors: number;
  readonly timeouts: number;
  readonly latency: { readonly p50: number; readonly p99: number };
}

interface CannonOptions {
  readonly url: string;
  readonly connections: number;
  readonly duration: number;
  readonly setupClient: (client: CannonClient) => void;
}

/** It brings no types. */
const autocannon = createRequire(import.meta.url)('autocannon') as (options: CannonOptions) => Promise<CannonResult>;

serveParent<ClosedLoad, ClosedResult>({
  async start({ port, connections, seconds, plan }) {
    const requests = cannonRequests(plan);
    let clients = 0;
    const before = process.cpuUsage();
    const startedAtMs = performance.now();
    const result = await autocannon({
      url: `http://127.0.0.1:${port}`,
      connections,
      duration: seconds,
      // Each connection has devices of its own; fewer devices than connections share.
      setupClient(client) {
        const own = requests.filter(
          (_, device) => device % connections === clients % Math.min(connections, plan.devices),
        );
        client.setRequests(own);
        clients++;
      },
    });
    const { user, system } = process.cpuUsage(before);
    return {
      seconds: result.duration,
      answered: result['2xx'],
      refused: result.non2xx,
      failures: result.errors + result.timeouts,
      made: undefined,
      p50Ms: result.latency.p50,
      p99Ms: result.latency.p99,
      generatorShare: (user + system) / 1000 / (performance.now() - startedAtMs),
    };
  },
});

function cannonRequests(plan: RequestPlan): CannonRequest[] {
  return Array.from({ length: plan.devices }, (_, device) => {
    const { deviceId, token } = benchDevice(device);
    return {
      method: 'POST',
      path: statePathOf(deviceId),
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: bodyOf(plan, device).text,
    };
  });
}
