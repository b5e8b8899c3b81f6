import { once } from 'node:events';
import { expect, it } from 'vitest';
import { totalMs } from '../../bench/measure/proc.js';
import { startChild } from '../helpers/program.js';

/** Uses up to 300 ms of a processor in a thread that ends, says so, and waits. */
const SCRIPT = `
  const { Worker } = require('node:worker_threads');
  const burn = 'const until = process.cpuUsage().user + 3e5; while (process.cpuUsage().user < until);';
  new Worker(burn, { eval: true }).on('exit', () => console.log('done'));
  setInterval(() => {}, 1e6);`;

it('sums up the processor time of processes with all their threads, ended ones included', async () => {
  const busy = startChild([process.execPath, '-e', SCRIPT], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(busy.stdout, 'data');
    const pid = busy.pid as number;
    const alone = totalMs([pid]);
    expect(alone).toBeGreaterThanOrEqual(250);
    expect(totalMs([pid, pid])).toBeGreaterThanOrEqual(2 * alone);
  } finally {
    busy.kill('SIGKILL');
    await once(busy, 'exit');
  }
  expect(totalMs([busy.pid as number])).toBe(0);
});
