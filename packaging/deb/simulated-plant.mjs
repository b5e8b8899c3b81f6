/** A simulated cloud and a fleet, by the package's own command. */
import { createInterface } from 'node:readline';
import { expect, say, until } from './expectations.mjs';

/** @typedef {import('./system.mjs').DebianSystem} DebianSystem */

/** Where the cloud listens. */
export const CLOUD = '127.0.0.1:8081';
/** The Node of the package. */
export const NODE = '/usr/lib/stateway/bin/node';
/** States of one run of the fleet: 5 devices at 5 Hz for 2 s. */
export const STATES = 50;
const FLEET = ['simulate', 'fleet', '--devices', '5', '--rate', '5', '--seconds', '2', '--json'];

/** @param {DebianSystem} system */
export async function startCloud(system) {
  const cloud = system.start('stateway', 'simulate', 'cloud', '--listen', CLOUD, '--devices', '5', '--json');
  const lines = createInterface({ input: /** @type {import('node:stream').Readable} */ (cloud.stdout) });
  const event = (/** @type {string} */ name) =>
    new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        const entry = JSON.parse(line);
        if (entry.event === name) resolve(entry);
      });
      cloud.once('exit', () => reject(new Error('the simulated cloud has ended')));
    });
  const summary = event('summary');
  summary.catch(() => {});
  await event('ready');
  return { system, summary };
}

/** @param {DebianSystem} system */
export function sendStates(system) {
  const lines = system.run('stateway', ...FLEET).split('\n');
  const { acknowledged } = JSON.parse(/** @type {string} */ (lines.at(-1)));
  expect('all states are acknowledged', acknowledged, STATES);
}

/**
 * @param {DebianSystem} system
 * @param {unknown[]} faults
 */
export function setFaults(system, faults) {
  const init = JSON.stringify({
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(faults),
  });
  system.run(
    NODE,
    '-e',
    `fetch('http://${CLOUD}/_simulator/faults', ${init}).then(({ ok }) => process.exit(ok ? 0 : 1))`,
  );
}

/**
 * @param {DebianSystem} system
 * @param {number} waiting
 */
export async function settled(system, waiting) {
  await until(`${waiting} states wait`, () => {
    const status = JSON.parse(system.run('stateway', 'spool', 'status', '--json'));
    return status.states === waiting;
  });
}

/**
 * @param {{ system: DebianSystem, summary: Promise<any> }} cloud
 * @param {number} expected
 */
export async function expectHeld({ system, summary }, expected) {
  system.run('pkill', '--full', 'simulate cloud');
  expect('what was acknowledged is in the cloud', (await summary).states, expected);
  say(`delivered: ${expected} states acknowledged, ${expected} in the cloud`);
}
