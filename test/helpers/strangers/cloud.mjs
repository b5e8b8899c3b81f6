/**
 * The simulated cloud in a process of its own, so that what strangers make the proxy ask takes no time of the process that
 * measures. It is sent requests `{ id, do, … }` and answers each with `{ id, value }`; of the states it takes it tells by
 * itself, with `{ taken: [deviceId, states][] }`.
 */
import { subscribe } from 'node:diagnostics_channel';
import { SimulatedCloud } from '../../../dist/src/simulator/cloud.js';

const TELL_EVERY_MS = 50;
const DEVICE_PATH = /^\/applications\/[^/]+\/devices\/[^/]+$/;
const STATE_PATH = /^\/applications\/[^/]+\/devices\/[^/]+\/state$/;

/** Requests that have come, by what they ask for, whatever became of them. */
const asked = { device: 0, state: 0, logIn: 0, other: 0 };
/** States that the parent was not told of yet. */
let taken = [];
let cloud;

subscribe('http.server.request.start', ({ request }) => {
  const path = request.url.split('?', 1)[0];
  if (request.method === 'POST' && STATE_PATH.test(path)) asked.state++;
  else if (request.method === 'GET' && DEVICE_PATH.test(path)) asked.device++;
  else if (path === '/auth/device') asked.logIn++;
  else asked.other++;
});

const DEEDS = {
  async start({ devices }) {
    const onTaken = (deviceId, states) => taken.push([deviceId, states]);
    cloud = new SimulatedCloud({ devices, keepsRecords: false, onTaken });
    return cloud.start({ host: '127.0.0.1', port: 0 });
  },
  issue: ({ requests }) => requests.map((request) => cloud.issueToken(request)),
  setFaults: ({ faults }) => cloud.setFaults(faults),
  counts: () => ({ asked, throttled: cloud.summary().throttled }),
};

setInterval(() => {
  if (taken.length === 0) return;
  process.send({ taken });
  taken = [];
}, TELL_EVERY_MS);

process.on('message', async (message) => {
  process.send({ id: message.id, value: (await DEEDS[message.do](message)) ?? null });
});
process.on('disconnect', () => process.exit(0));
