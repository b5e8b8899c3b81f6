import { SimulatedCloud } from '../../src/simulator/cloud.js';
import { deviceIdOf, plannedDevice, SIGNING_KEY } from '../devices.js';
import { serveParent } from '../processes/parent-link.js';
import type { CloudSummary } from './arrivals.js';
import type { CloudOptions } from './cloud.js';

let cloud: SimulatedCloud;
let devices = 0;

serveParent<CloudOptions, number>({
  async start(options) {
    ({ devices } = options);
    const known = Array.from({ length: devices }, (_, index) => plannedDevice(index));
    cloud = new SimulatedCloud({ devices: known, signingKey: SIGNING_KEY });
    const url = await cloud.start({ host: '127.0.0.1', port: 0 });
    return Number(new URL(url).port);
  },
  answers: {
    arrived,
    summary,
    goAway: () => cloud.setFaults([{ kind: 'outage' }]),
    comeBack: () => cloud.setFaults([]),
  },
});

function arrived(): Uint32Array {
  return Uint32Array.from({ length: devices }, (_, index) => cloud.ledger(deviceIdOf(index))?.records.length ?? 0);
}

function summary(): CloudSummary {
  const { posts, states, throttled, maxRequestsInWindow } = cloud.summary();
  const repeated = states - arrived().reduce((sum, count) => sum + count, 0);
  return { posts, states, repeated, throttled, maxRequestsInWindow };
}
