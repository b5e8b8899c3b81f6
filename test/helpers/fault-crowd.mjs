/**
 * A process of its own with the devices of a large plant: it logs them in, lets each post states, and keeps account of
 * what was acknowledged. It is forked with {@link CrowdOptions} as JSON, is sent a {@link CrowdTask} and answers with what
 * came of it. Devices and credentials are those of `planFleet`, so that a simulated cloud in another process knows them.
 *
 * @typedef {{ devices: number, seed: string, connections: number }} CrowdOptions
 * @typedef {{ task: 'logIn' | 'post', port: number } | { task: 'compare', cloudUrl: string }} CrowdTask
 */
import { planFleet } from '../../dist/src/simulator/fleet-plan.js';
import { CrowdConnection } from './fault-crowd-connection.mjs';

const { devices: count, seed, connections } = JSON.parse(process.argv[2]);
const devices = planFleet(count, seed);
const tokens = Array.from({ length: count }, () => '');
/** States of each device that were acknowledged. */
const acknowledged = new Uint32Array(count);
/** The last number that a state of each device had. */
const last = new Uint32Array(count);
/** By device, the numbers of states that had no answer: they may be stored or not. */
const unanswered = new Map();

function logInOf(index) {
  const { deviceId, credentials } = devices[index];
  return {
    path: '/auth/device',
    token: undefined,
    body: JSON.stringify({ deviceId, ...credentials }),
    onAnswer: (status, body) => {
      if (status === 200) tokens[index] = JSON.parse(body).token;
    },
  };
}

function postOf(index) {
  const { applicationId, deviceId } = devices[index];
  const n = last[index] + 1;
  return {
    path: `/applications/${applicationId}/devices/${deviceId}/state`,
    token: tokens[index],
    body: JSON.stringify({ time: Date.now(), data: { n, temperature: 20.5, status: 'running' } }),
    onAnswer: (status) => {
      // One that was refused left no trace, and its number is free.
      if (status === 200 || status === 0) last[index] = n;
      if (status === 200) acknowledged[index]++;
      else if (status === 0) unanswered.set(index, [...(unanswered.get(index) ?? []), n]);
    },
  };
}

/** Each device makes one request; returns how often which answer came, and what the refusals said. */
async function once(port, requestOf) {
  const answers = {};
  let next = 0;
  const work = async () => {
    const connection = new CrowdConnection(port);
    while (next < count) {
      const request = requestOf(next++);
      const { status, body } = await connection.ask(request);
      request.onAnswer(status, body);
      const answer = status === 200 ? '200' : `${status} ${body}`;
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, work));
  return answers;
}

/** What the cloud holds against what was acknowledged. */
async function compare(cloudUrl) {
  const held = new Map();
  for (const { deviceId, states, repeated } of await (await fetch(`${cloudUrl}/_simulator/devices`)).json()) {
    held.set(deviceId, states - repeated);
  }
  const result = { acknowledged: 0, lost: 0, invented: 0 };
  for (const [index, { deviceId }] of devices.entries()) {
    const arrived = unanswered.has(index) ? await answeredOf(cloudUrl, index) : (held.get(deviceId) ?? 0);
    result.acknowledged += acknowledged[index];
    result.lost += Math.max(0, acknowledged[index] - arrived);
    result.invented += Math.max(0, arrived - acknowledged[index]);
  }
  return result;
}

/** States of a device in the cloud, leaving out those that had no answer. */
async function answeredOf(cloudUrl, index) {
  const { records } = await (await fetch(`${cloudUrl}/_simulator/devices/${devices[index].deviceId}`)).json();
  return records.filter(({ data }) => !unanswered.get(index).includes(data.n)).length;
}

process.on('message', async ({ task, port, cloudUrl }) => {
  if (task === 'compare') process.send(await compare(cloudUrl));
  else process.send(await once(port, task === 'logIn' ? logInOf : postOf));
});
process.on('disconnect', () => process.exit(0));
