import { cpSync, lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { damageSomewhere, randomFrom } from '../helpers/fault-damage.js';
import { inForm, measured } from '../helpers/fault-form.js';
import { portOf } from '../helpers/fault-process.js';
import { FaultSite, freshDirectory } from '../helpers/fault-site.js';
import { postNumbers } from '../helpers/fault-witness.js';
import { type RunningProxy, type StartOutcome, tryStart } from '../helpers/running-proxy.js';

const PLACES = inForm({ short: 12, long: 200 });
const DEVICES = 6;
const BODIES = 20;
const DELIVERED_BODIES = 2;
const STATES_A_BODY = 50;
/** So that of each device more waits than fits in one request, which is when it is moved to the backlog. */
const NOTE_LENGTH = 400;
const MOVED_WITHIN_MS = 1_000;
/** A proxy that has delivered nothing more for so long does not regard the rest as readable. */
/** The first waits for the threads that talk with the cloud, and for what the cloud says of the time. */
const FIRST_WITHIN_MS = 15_000;
const QUIET_MS = inForm({ short: 800, long: 2_000 });
// A start takes a second; of fronts, and on a machine with much else to do, ten.
const TIMEOUT_MS = inForm({ short: 300_000, long: 1_200_000 });
/** pino's number for errors. */
const ERROR_LEVEL = 50;

/** What came of one start on damaged files. */
interface Trial {
  readonly outcome: 'refused' | 'all delivered' | 'rest reported' | 'promise broken';
  /** What was wrong, in words. */
  readonly findings: readonly string[];
}

test(
  `damaged at ${PLACES} places: what is readable is delivered as it was, the rest is reported, and nothing crashes`,
  async ({ onTestFinished }) => {
    // Other places in every run; the seed of a failure is in its message.
    const seed = Number(process.env.FAULTS_SEED ?? Math.floor(Math.random() * 2 ** 32));
    const random = randomFrom(seed);
    const site = await FaultSite.open(onTestFinished, { devices: DEVICES, noteLength: NOTE_LENGTH });
    await prepare(site);
    const subject = { kind: 'user' } as const;
    const upstreamToken = site.cloud.issueToken({ subject, scopes: ['all.User'], ttlSeconds: 86_400 });
    const env = { STATEWAY_UPSTREAM_TOKEN: upstreamToken };
    const room = freshDirectory(onTestFinished);
    const tally: Record<Trial['outcome'], number> = {
      refused: 0,
      'all delivered': 0,
      'rest reported': 0,
      'promise broken': 0,
    };
    const breaches: string[] = [];
    for (let place = 0; place < PLACES; place++) {
      const dataDir = join(room, `damaged-${place}`);
      // The socket by which a proxy keeps others out is no data, and cannot be copied.
      cpSync(site.dataDir, dataDir, { recursive: true, filter: (file) => !lstatSync(file).isSocket() });
      const damage = damageSomewhere(dataDir, random);
      // Within the 15 s in which the cloud counts requests (docs/cloud.md, "Limits") ten proxies start here. Each is to find the
      // cloud as if it were the first: what all of them send is more than a device may.
      site.cloud.reset();
      site.deliveries.clear();
      const { outcome, findings } = await judge(site, await tryStart({ ...site.startOptions, dataDir, env }));
      tally[outcome]++;
      if (outcome === 'promise broken') breaches.push(`place ${place}, ${damage}: ${findings.join('; ')}`);
      rmSync(dataDir, { recursive: true });
    }
    measured('starts on damaged files', { seed, ...tally });
    expect(breaches, `FAULTS_SEED=${seed}`).toEqual([]);
    // To refuse the whole for every damage would keep that promise too, and be of no use.
    expect(tally.refused).toBeLessThan(PLACES / 2);
  },
  TIMEOUT_MS,
);

/** Leaves a data directory in which states of all devices wait, and that knows of others that were delivered. */
async function prepare(site: FaultSite): Promise<void> {
  for (let body = 0; body < BODIES; body++) {
    if (body === DELIVERED_BODIES) {
      await site.untilDelivered(10_000);
      site.cloud.setFaults([{ kind: 'outage' }]);
    }
    for (const account of site.accounts) {
      const fate = await postNumbers(account, account.take(STATES_A_BODY), portOf(site.proxy));
      expect(fate).toBe('acknowledged');
    }
  }
  await pause(MOVED_WITHIN_MS);
  await site.proxy.kill();
  site.cloud.setFaults([]);
  // What was delivered before the damage need not come again, and may.
  for (const { fates } of site.accounts) fates.fill('unknown', 0, DELIVERED_BODIES * STATES_A_BODY);
}

/** Looks at how a start came out and, where the proxy runs, at what it delivers. */
async function judge(site: FaultSite, start: StartOutcome): Promise<Trial> {
  if (start.kind === 'ended') {
    const isClear = start.code === 1 && start.output.trim() !== '';
    if (isClear) return { outcome: 'refused', findings: [] };
    return broken(`ended with ${start.code ?? start.signal}: ${start.output.slice(0, 500)}`);
  }
  const { proxy } = start;
  await untilQuiet(site, proxy);
  const { exitCode, signalCode } = proxy.process;
  if (exitCode !== null || signalCode !== null) return broken(`ended with ${exitCode ?? signalCode} while it ran`);
  const isReported = await hasReported(proxy);
  await proxy.kill();

  const { throttled } = site.cloud.summary();
  if (throttled > 0) return broken(`${throttled} requests over the rate limit`);
  const { lost, findings } = site.verdict();
  if (findings.length > 0) return { outcome: 'promise broken', findings };
  if (lost.length === 0) return { outcome: 'all delivered', findings };
  return isReported
    ? { outcome: 'rest reported', findings }
    : broken(`not delivered, not reported: ${lost.join('; ')}`);
}

function broken(finding: string): Trial {
  return { outcome: 'promise broken', findings: [finding] };
}

/** Waits until all has come, or the proxy says that nothing waits, or nothing comes any more, or the proxy is gone. */
async function untilQuiet({ accounts, deliveries }: FaultSite, proxy: RunningProxy): Promise<void> {
  const come = () => accounts.reduce((sum, { device }) => sum + deliveries.count(device.deviceId), 0);
  const wanted = accounts.length * (BODIES - DELIVERED_BODIES) * STATES_A_BODY;
  let lastCome = 0;
  let sinceMs = performance.now();
  const isQuiet = () => performance.now() - sinceMs >= (lastCome === 0 ? FIRST_WITHIN_MS : QUIET_MS);
  while (come() < wanted && !isQuiet() && proxy.process.signalCode === null) {
    const waiting = await spoolOf(proxy).then(
      ({ states }) => states,
      () => undefined,
    );
    if (waiting === 0) return;
    await pause(20);
    if (come() > lastCome) sinceMs = performance.now();
    lastCome = come();
  }
}

/** Whether the proxy says that something could not be read. */
async function hasReported(proxy: RunningProxy): Promise<boolean> {
  const { unreadableRecords } = await spoolOf(proxy);
  return unreadableRecords > 0 || proxy.log.some(({ level }) => Number(level) >= ERROR_LEVEL);
}

async function spoolOf(proxy: RunningProxy): Promise<{ states: number; unreadableRecords: number }> {
  const status = await (await fetch(`${proxy.adminUrl}/status`)).json();
  return (status as { spool: { states: number; unreadableRecords: number } }).spool;
}
