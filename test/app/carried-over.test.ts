import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, postState, type Site, status, untilHeld } from '../helpers/bench-site.js';
import { formatOf, leaveOldFormat } from '../helpers/old-format.js';
import { MAIN_FILE, startProgram } from '../helpers/program.js';
import { expect } from '../helpers/test-scope.js';

const NOTE = 'x'.repeat(500);
/** Of the state with number 0; each has a millisecond of its own. */
const START_MS = Date.now() - 600_000;
const DELIVERED = 5;
const TIMEOUT_MS = 120_000;
/** Names of a journal's files as they come to be, in the course of carrying over: before the copy, and in it. */
const KILLED_AT = ['000001.seg', '000003.seg', '000004.seg'];
const SEGMENT_BYTES = 4 * 1024 * 1024;
/** What is sent, of which a part may be moved to the backlog. */
const LARGE_BYTES = 3 * SEGMENT_BYTES;

/** Posts states numbered from `first` and waits for the answer. */
async function post(site: Site, device: PlannedDevice, token: string, first: number, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, n) => first + n);
  const states = numbers.map((n) => ({ time: START_MS + n, data: { n, note: NOTE } }));
  expect((await postState(site, device, token, states)).status).toBe(200);
}

/** The cloud comes to have states numbered from 0 to `count`, each once and in order. */
async function expectAll(site: Site, device: PlannedDevice, count: number): Promise<void> {
  const { records } = await untilHeld(site, device, (ledger) => ledger.records.length >= count);
  expect(records.map(({ data }) => data.n)).toEqual(Array.from({ length: count }, (_, n) => n));
  expect(records.filter(({ deliveries }) => deliveries !== 1)).toEqual([]);
}

test.concurrent.each([1, 2] as const)(
  'what a proxy of 0.1 left in format %i is delivered in order: journal, backlog, dead letters and grants',
  async (format) => {
    const site = await openSite();
    const [waiting, backlogged, refused] = site.devices as [PlannedDevice, PlannedDevice, PlannedDevice];
    const tokens = await Promise.all(site.devices.map((device) => logIn(site, device)));
    const [waitingToken, backlogToken, refusedToken] = tokens as [string, string, string];
    for (const [i, device] of site.devices.entries()) {
      await post(site, device, tokens[i] as string, 0, DELIVERED);
      await expectAll(site, device, DELIVERED);
    }
    site.cloud.setFaults([{ kind: 'status', status: 400, route: 'state' }]);
    await post(site, refused, refusedToken, DELIVERED, 1);
    await expect.poll(async () => (await status(site)).spool.states).toBe(0);
    site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
    for (let body = 0; body < 10; body++) await post(site, backlogged, backlogToken, DELIVERED + 200 * body, 200);
    await expect.poll(() => statSync(join(site.dataDir, 'pieces.dat')).size).toBeGreaterThan(0);
    await post(site, waiting, waitingToken, DELIVERED, 30);
    await post(site, backlogged, backlogToken, DELIVERED + 2_000, 20);
    await site.proxy.kill();

    const left = await leaveOldFormat(site.dataDir, format);
    expect(left).toMatchObject({ watermarks: 3, deadLetters: 1 });
    expect(left.records).toBeGreaterThan(0);
    expect(left.pieces).toBeGreaterThan(0);
    site.cloud.setFaults([]);
    await site.restart();
    // No device shows its token again: what was granted is known from before.
    await expectAll(site, waiting, DELIVERED + 30);
    await expectAll(site, backlogged, DELIVERED + 2_020);
    await promisify(execFile)(process.execPath, [MAIN_FILE, 'spool', 'requeue', '--all', '--data-dir', site.dataDir], {
      env: { PATH: process.env.PATH },
    });
    await expectAll(site, refused, DELIVERED + 1);
    await expect.poll(async () => (await status(site)).spool.states).toBe(0);
    expect(site.proxy.log.filter(({ event }) => event === 'unreadable')).toEqual([]);
    await site.proxy.stop();
    expect(await formatOf(site.dataDir)).toBe(3);
  },
  TIMEOUT_MS,
);

test.concurrent('killed again and again while it carries a journal over, it loses and doubles nothing', {
  timeout: TIMEOUT_MS,
}, async () => {
  const site = await openSite({ devices: 40 });
  const subject = { kind: 'user' } as const;
  const token = site.cloud.issueToken({ subject, scopes: ['all.User'], ttlSeconds: 3_600 });
  for (const device of site.devices) await post(site, device, token, 0, 1);
  for (const device of site.devices) await expectAll(site, device, 1);
  site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
  const counts = new Map<PlannedDevice, number>(site.devices.map((device) => [device, 1]));
  const bodyStates = Math.ceil(LARGE_BYTES / (2 * site.devices.length * (NOTE.length + 30)));
  for (let body = 0; body < 2; body++) {
    for (const device of site.devices) {
      await post(site, device, token, counts.get(device) as number, bodyStates);
      counts.set(device, (counts.get(device) as number) + bodyStates);
    }
  }
  await site.proxy.kill();
  const left = await leaveOldFormat(site.dataDir, 2);
  expect(left.recordBytes).toBeGreaterThan(1.5 * SEGMENT_BYTES);

  let interrupted = 0;
  for (const name of KILLED_AT) {
    await killAtFile(site, name);
    if ((await formatOf(site.dataDir)) === 2) interrupted++;
  }
  expect(interrupted).toBeGreaterThanOrEqual(2);
  site.cloud.setFaults([]);
  await site.restart();
  for (const [device, count] of counts) await expectAll(site, device, count);
  expect(site.proxy.log.filter(({ event }) => event === 'unreadable')).toEqual([]);
  // While it runs it may be making one.
  expect(await site.proxy.stop()).toBe(0);
  expect(readdirSync(join(site.dataDir, 'journal')).filter((name) => !/^\d+\.seg$/.test(name))).toEqual([]);
});

/** Starts the proxy, and kills it as soon as it has made that file of its journal, or is ready. */
async function killAtFile({ cloudUrl, dataDir }: Site, name: string): Promise<void> {
  const file = join(dataDir, 'journal', name);
  const changedBeforeMs = existsSync(file) ? statSync(file).ctimeMs : undefined;
  const child = startProgram(['serve'], {
    env: {
      STATEWAY_LISTEN: '127.0.0.1:0',
      STATEWAY_ADMIN_LISTEN: '127.0.0.1:0',
      STATEWAY_UPSTREAM_URL: cloudUrl,
      STATEWAY_DATA_DIR: dataDir,
    },
  });
  let isReady = false;
  child.stdout.on('data', (text: Buffer) => {
    isReady ||= text.includes('"ready"');
  });
  const isMade = () => {
    const found = statSync(file, { throwIfNoEntry: false });
    return found !== undefined && found.ctimeMs !== changedBeforeMs;
  };
  await expect.poll(() => isReady || isMade(), { interval: 2 }).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'close');
}
