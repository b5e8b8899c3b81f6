import { SimulatedCloud } from '../../src/simulator/cloud.js';
import { deviceIdOf, plannedDevice, SIGNING_KEY } from '../devices.js';
import { serveParent } from '../processes/parent-link.js';
import type { CloudSummary } from './arrivals.js';
import type { CloudConfig } from './cloud.js';

let cloud: SimulatedCloud;
let devices = 0;
let port = 0;

serveParent<CloudConfig, void>({
  start(config) {
    ({ devices, port } = config);
    const known = Array.from({ length: devices }, (_, index) => plannedDevice(index));
    cloud = new SimulatedCloud({ devices: known, signingKey: SIGNING_KEY });
    return open();
  },
  answers: {
    arrived,
    summary,
    goAway: () => cloud.close(),
    comeBack: open,
  },
});

async function open(): Promise<void> {
  await cloud.start({ host: '127.0.0.1', port });
}

function arrived(): Uint32Array {
  return Uint32Array.from({ length: devices }, (_, index) => cloud.ledger(deviceIdOf(index))?.records.length ?? 0);
}

function summary(): CloudSummary {
  const { posts, states, throttled, maxRequestsInWindow } = cloud.summary();
  const repeated = states - arrived().reduce((sum, count) => sum + count, 0);
  return { posts, states, repeated, throttled, maxRequestsInWindow };
}
