import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { breakCalls } from '../helpers/fault-calls.js';
import { PowerCutDisk } from '../helpers/fault-disk.js';
import { inForm, measured, notHere } from '../helpers/fault-form.js';
import { portOf } from '../helpers/fault-process.js';
import { type AtEnd, FaultSite, freshDirectory, LIVELY, until } from '../helpers/fault-site.js';
import { reasonNotToTrace } from '../helpers/fault-trace.js';
import { call } from '../helpers/http-client.js';
import { atEnd, expect } from '../helpers/test-scope.js';

const DEVICES = 4;
/** Beside other tests on the same machine all takes longer. */
const CLOSED_WITHIN_MS = inForm({ short: 20_000, long: 1_000 });
const OPEN_WITHIN_MS = 35_000;
/** The longest pause between two attempts on a disk that fails, and the attempt. */
const ATTEMPTED_WITHIN_MS = 32_000;
const DELIVERED_WITHIN_MS = 30_000;
const TIMEOUT_MS = inForm({ short: 180_000, long: 180_000 });
/** Of what LMDB and lmdb-js say of each commit that fails: one, and those of the attempts. */
const MOST_ERROR_BYTES = 4_096;
const FAULT_MS = inForm({ short: 1_500, long: 15_000 });

const WRITES = 'pwrite64,pwritev,writev';
const SYNCS = 'fdatasync,fsync';
const LMDB_FILE = /^data\.mdb$/;
const JOURNAL_FILES = /^journal\/\d+\.seg$/;
/** Those of the journal that there are or may come to be while a test runs. */
const SEGMENTS = Array.from({ length: 20 }, (_, i) => `journal/${String(i + 1).padStart(6, '0')}.seg`);
const ALL_FILES = /(data\.mdb|pieces\.dat|disk-probe|reserve|\.seg)$/;

/** Whichever look notices first. */
const GONE = /503 .*disk failing: .* is gone/;

interface Fault {
  readonly what: string;
  readonly calls: string;
  readonly error: string;
  /** By their names in the data directory. */
  readonly files: RegExp;
  /** What `/readyz` says. */
  readonly reason: string;
}

const FAULTS: readonly Fault[] = [
  { what: 'each write fails', calls: WRITES, error: 'EIO', files: ALL_FILES, reason: 'disk failing: i/o error' },
  {
    what: 'writes to the journal fail',
    calls: WRITES,
    error: 'EIO',
    files: JOURNAL_FILES,
    reason: 'disk failing: i/o error',
  },
  { what: 'writes of LMDB fail', calls: WRITES, error: 'EIO', files: LMDB_FILE, reason: 'disk failing: i/o error' },
  { what: 'each sync fails', calls: SYNCS, error: 'EIO', files: ALL_FILES, reason: 'disk failing: i/o error' },
  { what: 'syncs of LMDB fail', calls: SYNCS, error: 'EIO', files: LMDB_FILE, reason: 'disk failing: i/o error' },
  {
    what: 'the head page cannot be written',
    calls: 'pwrite64',
    error: 'EIO',
    files: LMDB_FILE,
    reason: 'disk failing: i/o error',
  },
  {
    what: 'the file system is read-only',
    calls: WRITES,
    error: 'EROFS',
    files: ALL_FILES,
    reason: 'disk failing: read-only file system',
  },
  {
    what: 'the file system has no room',
    calls: WRITES,
    error: 'ENOSPC',
    files: ALL_FILES,
    reason: 'disk failing: no space left on device',
  },
];

/** An attribute that the cloud refuses. A state with it becomes a dead letter, and that is a commit of LMDB. */
const REFUSED = 'refused';

/** Posts states with it until one is refused here: so LMDB is written to, whatever else is. */
async function writeToLmdb(site: FaultSite): Promise<void> {
  const { device, token } = site.accounts[0] as FaultSite['accounts'][number];
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ data: { [REFUSED]: 1 } });
  const path = `/applications/${device.applicationId}/devices/${device.deviceId}/state`;
  await until(
    async () => (await call(portOf(site.proxy), path, { headers, body })).status === 503,
    CLOSED_WITHIN_MS,
    () => 'the intake stays open',
  );
}

/** What a running proxy has said on standard error since this was called. */
function errorsOf({ proxy }: FaultSite): { readonly text: string } {
  const said = { text: '' };
  proxy.process.stderr?.on('data', (chunk) => {
    said.text += chunk;
  });
  return said;
}

function events({ proxy }: FaultSite, kind: string): readonly Record<string, unknown>[] {
  return proxy.log.filter(({ event }) => event === kind);
}

async function readyz(site: FaultSite): Promise<string> {
  const answer = await fetch(`${site.proxy.adminUrl}/readyz`);
  return `${answer.status} ${(await answer.text()).trim()}`;
}

/** How the state of a device that sends nothing else is answered. */
async function post(site: FaultSite): Promise<{ status: number; retryAfter: string | undefined }> {
  const { status, headers } = await site.postOne();
  return { status, retryAfter: headers['retry-after'] as string | undefined };
}

/** A site at work, with states that wait. */
async function openLoaded(atEnd: AtEnd, dataDir?: string): Promise<FaultSite> {
  const site = await FaultSite.open(atEnd, {
    devices: DEVICES,
    ...LIVELY,
    ...(dataDir === undefined ? {} : { dataDir }),
  });
  expect(await post(site)).toMatchObject({ status: 200 });
  site.startLoad(site.accounts.slice(1));
  await site.untilAcknowledged(20);
  return site;
}

/** Has the disk fail, and looks at how that is said. */
async function failing(site: FaultSite, reason: string | RegExp, begin: () => void | Promise<void>): Promise<void> {
  const errors = errorsOf(site);
  await begin();
  const brokenAtMs = performance.now();
  await until(
    async () => (await site.readiness()) === 503,
    CLOSED_WITHIN_MS,
    () => 'the intake stays open',
  );
  measured('intake closed', { afterMs: Math.round(performance.now() - brokenAtMs) });
  expect(await readyz(site)).toMatch(reason);
  expect(await post(site)).toEqual({ status: 503, retryAfter: '10' });
  await new Promise((resolve) => setTimeout(resolve, FAULT_MS));
  expect((await fetch(`${site.proxy.adminUrl}/healthz`)).status).toBe(200);
  expect(events(site, 'disk-failing')).toHaveLength(1);
  measured('said on standard error', { bytes: errors.text.length });
  expect(errors.text.length).toBeLessThan(MOST_ERROR_BYTES);
  // lmdb-js has 100 bytes of heap for its text of a write that failed.
  expect(errors.text).not.toContain('buffer sizes');
}

/** Waits until states are taken again, and until the cloud has all that were acknowledged. */
async function recovered(site: FaultSite): Promise<void> {
  const wellAtMs = performance.now();
  await until(
    async () => (await site.readiness()) === 200 && (await post(site)).status === 200,
    OPEN_WITHIN_MS,
    () => 'the intake did not open again',
  );
  measured('intake open again', { afterMs: Math.round(performance.now() - wellAtMs) });
  expect(events(site, 'disk-back')).toHaveLength(1);
  await site.untilAcknowledged(20);
  await site.stopLoad();
  await site.knock();
  await site.untilDelivered(DELIVERED_WITHIN_MS);
  expect(site.verdict()).toMatchObject({ lost: [], findings: [] });
  expect(site.proxy.process.exitCode).toBe(null);
}

// Each has a disk, a proxy and a cloud of its own, and most of the time all wait.
describe.concurrent('a disk that fails', () => {
  const noTrace = reasonNotToTrace();

  test.for(FAULTS)('$what: $error', { timeout: TIMEOUT_MS }, async (fault, { onTestFinished, skip }) => {
    if (noTrace !== undefined) return skip(notHere('system calls that fail', noTrace));
    const site = await openLoaded(onTestFinished);
    site.cloud.setFaults([{ kind: 'refuse-attribute', attribute: REFUSED }]);
    const there = readdirSync(site.dataDir, { recursive: true, encoding: 'utf8' });
    const files = [...new Set([...there, ...SEGMENTS])].filter((name) => fault.files.test(name));
    expect(there.filter((name) => fault.files.test(name))).not.toEqual([]);
    const paths = files.map((name) => join(site.dataDir, name));
    let heal = async (): Promise<void> => {};
    await failing(site, new RegExp(`503 .*${fault.reason}`), async () => {
      heal = await breakCalls(site.proxy.process.pid as number, { ...fault, paths });
      await writeToLmdb(site);
    });
    await heal();
    await recovered(site);
    // What was refused is not stored either: after another start nothing comes that nobody was told of.
    await site.kill();
    await site.start();
    await site.knock();
    await site.untilDelivered(DELIVERED_WITHIN_MS);
    expect(site.verdict()).toMatchObject({ lost: [], findings: [] });
  });

  test('the data directory is moved away and back', { timeout: TIMEOUT_MS }, async ({ onTestFinished }) => {
    const dataDir = join(freshDirectory(onTestFinished), 'data');
    const site = await openLoaded(onTestFinished, dataDir);
    await failing(site, GONE, () => renameSync(dataDir, `${dataDir}-away`));
    // Another directory in its place is no better.
    mkdirSync(dataDir);
    expect(await post(site)).toMatchObject({ status: 503 });
    rmSync(dataDir, { recursive: true });
    renameSync(`${dataDir}-away`, dataDir);
    await recovered(site);
  });

  test.each(['grants', 'journal', 'secret.key'])(
    'of the data directory %s is moved away and back',
    { timeout: TIMEOUT_MS },
    async (name) => {
      const dataDir = join(freshDirectory(atEnd), 'data');
      const site = await openLoaded(atEnd, dataDir);
      const file = join(dataDir, name);
      await failing(site, GONE, () => renameSync(file, `${file}-away`));
      renameSync(`${file}-away`, file);
      await recovered(site);
    },
  );

  test('the data directory is deleted: nothing more is acknowledged, and what was is delivered', {
    timeout: TIMEOUT_MS,
  }, async ({ onTestFinished }) => {
    const dataDir = join(freshDirectory(onTestFinished), 'data');
    const site = await openLoaded(onTestFinished, dataDir);
    site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
    await site.untilAcknowledged(20);
    await site.stopLoad();
    rmSync(dataDir, { recursive: true });
    expect(await post(site)).toMatchObject({ status: 503 });
    await failing(site, GONE, () => {});
    site.cloud.setFaults([]);
    await site.untilDelivered(DELIVERED_WITHIN_MS);
    expect(site.verdict()).toMatchObject({ lost: [], findings: [] });
    expect(await site.proxy.stop()).toBe(0);
  });

  test('the kernel makes the file system read-only', { timeout: TIMEOUT_MS }, async ({ onTestFinished, skip }) => {
    const disk = PowerCutDisk.mount(onTestFinished);
    if (typeof disk === 'string') return skip(notHere('a file system that gives up', disk));
    const site = await openLoaded(onTestFinished, join(disk.directory, 'data'));
    // A sync that is under way as the kernel gives up ends with EIO; whatever begins after it, with EROFS.
    await failing(site, /503 .*disk failing: (?:i\/o error|read-only file system)/, () => disk.giveUp());
    await expect.poll(() => readyz(site), { timeout: ATTEMPTED_WITHIN_MS }).toMatch(/503 .*read-only file system/);
    await site.stopLoad();
    expect(await site.proxy.stop()).toBe(0);
  });
});
