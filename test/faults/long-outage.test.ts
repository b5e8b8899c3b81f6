import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { DeviceState } from '../../src/state/validate.js';
import type { Account } from '../helpers/fault-account.js';
import { inForm, measured } from '../helpers/fault-form.js';
import { memoryOf, type ProcessMemory, portOf } from '../helpers/fault-process.js';
import { bytesOnDisk, FaultSite, freshDirectory, until } from '../helpers/fault-site.js';
import { call } from '../helpers/http-client.js';
import { type RunningProxy, type StartOutcome, tryStart } from '../helpers/running-proxy.js';

const DEVICES = inForm({ short: 100, long: 1_000 });
const STATES_A_DEVICE = inForm({ short: 2_000, long: 10_000 });
const STATES_A_BODY = 2_000;
const STATES = DEVICES * STATES_A_DEVICE;
const REQUESTS_AT_ONCE = 8;
/** Beside other tests on the same machine all takes longer. */
const READY_WITHIN_MS = inForm({ short: 20_000, long: 5_000 });
const MOST_MORE_RESIDENT_BYTES = 64 * 1024 * 1024;
const MOST_DISK_PER_JSON = 1.5;
/** Segments of the journal are 4 MiB whatever is in them: the one that is written, and two spares. */
const SEGMENT_BYTES = 4 * 1024 * 1024;
const MOST_UNFILLED_BYTES = 3 * SEGMENT_BYTES;
/** Another outage after the drain may not need more room than the first did, but for a few pages and a segment. */
const MOST_REGROWTH = 1.1;
/** A started proxy is looked at when it has come to rest. */
const AT_REST_AFTER_MS = 2_000;
const DRAIN_WITHIN_MS = inForm({ short: 60_000, long: 600_000 });
const TIMEOUT_MS = inForm({ short: 150_000, long: 1_800_000 });
const FIRST_TIME_MS = Date.now() - 3_600_000;

test(
  `an outage of ${STATES} states: ready in ${READY_WITHIN_MS / 1_000} s, memory does not grow with them, nor disk out of proportion`,
  async ({ onTestFinished }) => {
    const counts = new Counts();
    const site = await FaultSite.open(onTestFinished, { devices: DEVICES, cloud: { onTaken: counts.onTaken } });
    const empty = await memoryWhenEmpty(site, freshDirectory(onTestFinished));
    site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
    const fillStartMs = performance.now();
    const jsonBytes = await fill(site, 0, STATES_A_DEVICE);
    const fillMs = performance.now() - fillStartMs;
    const { peakBytes: peakWhileFilling } = memoryOf(site.proxy);
    const diskBytes = bytesOnDisk(site.dataDir);
    await site.proxy.kill();

    const started = asReady(await tryStart({ ...site.startOptions, env: upstreamToken(site) }));
    site.proxy = started.proxy;
    await pause(AT_REST_AFTER_MS);
    const filled = memoryOf(site.proxy);
    const moreBytes = filled.residentBytes - empty.residentBytes;
    const { spool } = await site.status();

    site.cloud.setFaults([]);
    const drainStartMs = performance.now();
    const drained = () => counts.taken >= STATES;
    await until(drained, DRAIN_WITHIN_MS, () => `only ${counts.taken} of ${STATES} states came: ${counts.findings}`);
    const drainMs = performance.now() - drainStartMs;
    await until(
      async () => (await site.status()).spool.states === 0,
      10_000,
      () => 'states wait that the cloud has',
    );
    const drainedDiskBytes = bytesOnDisk(site.dataDir);
    site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
    await fill(site, STATES_A_DEVICE, STATES_A_DEVICE);
    const refilledDiskBytes = bytesOnDisk(site.dataDir);

    measured(`an outage of ${STATES} states`, {
      fillMs: Math.round(fillMs),
      peakMiBWhileFilling: mebibytes(peakWhileFilling),
      readyMs: Math.round(started.afterMs),
      moreResidentMiB: mebibytes(moreBytes),
      ofItFilePagesMiB: mebibytes(filled.filePageBytes - empty.filePageBytes),
      jsonBytesPerState: jsonBytes / STATES,
      diskPerJson: diskBytes / jsonBytes,
      drainMs: Math.round(drainMs),
      diskMiB: mebibytes(diskBytes),
      diskMiBDrained: mebibytes(drainedDiskBytes),
      diskMiBFilledAgain: mebibytes(refilledDiskBytes),
    });
    expect(spool.states).toBe(STATES);
    expect(started.afterMs).toBeLessThan(READY_WITHIN_MS);
    expect(moreBytes).toBeLessThanOrEqual(MOST_MORE_RESIDENT_BYTES);
    expect(diskBytes - MOST_UNFILLED_BYTES).toBeLessThan(MOST_DISK_PER_JSON * jsonBytes);
    expect({ taken: counts.taken, findings: counts.findings }).toEqual({ taken: STATES, findings: [] });
    expect(refilledDiskBytes).toBeLessThan(MOST_REGROWTH * diskBytes + SEGMENT_BYTES);
  },
  TIMEOUT_MS,
);

/** Counts what comes: of each device every number once, in order. There are too many to hold. */
class Counts {
  taken = 0;
  readonly findings: string[] = [];
  readonly #next = new Map<string, number>();

  readonly onTaken = (deviceId: string, states: readonly DeviceState[]): void => {
    let next = this.#next.get(deviceId) ?? 0;
    for (const { time, data } of states) {
      if (data.n === next && time === FIRST_TIME_MS + next) next++;
      else if (this.findings.length < 10) this.findings.push(`${deviceId}: ${data.n} at ${time}, not ${next}`);
    }
    this.#next.set(deviceId, next);
    this.taken += states.length;
  };
}

/** Posts of each device so many states, all devices by turns; returns the bytes of their JSON. */
async function fill(site: FaultSite, first: number, count: number): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  const port = portOf(site.proxy);
  let jsonBytes = 0;
  for (let n = first; n < first + count; n += STATES_A_BODY) {
    const waiting = [...site.accounts];
    const postNext = async (): Promise<void> => {
      for (let account = waiting.pop(); account !== undefined; account = waiting.pop()) {
        const states = Array.from({ length: STATES_A_BODY }, (_, i) => stateOf(n + i));
        jsonBytes += states.reduce((sum, state) => sum + state.length, 0);
        await post(port, account, `[${states.join()}]`, agent);
      }
    };
    await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, postNext));
  }
  agent.destroy();
  return jsonBytes;
}

/** About 75 bytes, as the budgets have it. */
function stateOf(n: number): string {
  return JSON.stringify({ time: FIRST_TIME_MS + n, data: { n, temperature: 21.5, running: true } });
}

async function post(port: number, account: Account, body: string, agent: Agent): Promise<void> {
  const { applicationId, deviceId } = account.device;
  const headers = { authorization: `Bearer ${account.token}`, 'content-type': 'application/json' };
  const path = `/applications/${applicationId}/devices/${deviceId}/state`;
  for (;;) {
    const answer = await call(port, path, { headers, body, agent });
    if (answer.status === 200) return;
    if (answer.status !== 503) throw new Error(`answered ${answer.status}: ${answer.text}`);
    await pause(1_000 * Number(answer.headers['retry-after']));
  }
}

/** What a proxy takes that has nothing to do. */
async function memoryWhenEmpty(site: FaultSite, dataDir: string): Promise<ProcessMemory> {
  const { proxy } = asReady(await tryStart({ ...site.startOptions, dataDir, env: upstreamToken(site) }));
  await pause(AT_REST_AFTER_MS);
  const memory = memoryOf(proxy);
  await proxy.kill();
  return memory;
}

/** What waits goes out by itself, without any device showing its token. */
function upstreamToken(site: FaultSite): Record<string, string> {
  const subject = { kind: 'user' } as const;
  return { STATEWAY_UPSTREAM_TOKEN: site.cloud.issueToken({ subject, scopes: ['all.User'], ttlSeconds: 86_400 }) };
}

function asReady(outcome: StartOutcome): { proxy: RunningProxy; afterMs: number } {
  if (outcome.kind === 'ready') return outcome;
  throw new Error(`the proxy ended with ${outcome.code ?? outcome.signal}: ${outcome.output}`);
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
