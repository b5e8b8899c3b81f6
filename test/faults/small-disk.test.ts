import { describe, test } from 'vitest';
import { SmallDisk } from '../helpers/fault-disk.js';
import { inForm, measured, notHere } from '../helpers/fault-form.js';
import { type AtEnd, FaultSite, freshDirectory, until } from '../helpers/fault-site.js';
import { expect } from '../helpers/test-scope.js';

const DISK_BYTES = 16 * 1024 * 1024;
const DEVICES = 6;
/** Large enough that a disk is full in seconds; on a machine with much else to do, in a minute. */
const NOTE_LENGTH = 4_000;
const ROUNDS = inForm({ short: 1, long: 5 });
const FULL_WITHIN_MS = 90_000;
const OPEN_WITHIN_MS = 30_000;
const DRAIN_WITHIN_MS = 60_000;
const TIMEOUT_MS = inForm({ short: 240_000, long: 900_000 });

/** How there comes to be no room: where the data go, and what the proxy is run under. */
interface Limit {
  readonly what: string;
  /** The options of a site; in words why there is no such limit here. */
  impose(atEnd: AtEnd): { dataDir?: string; under?: string[]; env?: Record<string, string> } | string;
}

const LIMITS: readonly Limit[] = [
  {
    what: 'a disk of 16 MB',
    impose(atEnd) {
      const disk = SmallDisk.mount(atEnd, DISK_BYTES);
      return typeof disk === 'string' ? disk : { dataDir: `${disk.directory}/data` };
    },
  },
  {
    what: 'files that may not grow past 16 MB',
    impose: () => ({ under: ['prlimit', `--fsize=${DISK_BYTES}`] }),
  },
  { what: 'STATEWAY_MAX_SPOOL_BYTES', impose: () => ({ env: { STATEWAY_MAX_SPOOL_BYTES: '4MiB' } }) },
];

// Each has a disk, a proxy and a cloud of its own.
describe.concurrent('when there is no room left', () => {
  test.for(LIMITS)(
    'for $what: 503, nothing acknowledged is lost, and intake opens again by itself',
    {
      timeout: TIMEOUT_MS,
    },
    async (limit, { onTestFinished, skip }) => {
      const imposed = limit.impose(onTestFinished);
      if (typeof imposed === 'string') return skip(notHere(limit.what, imposed));
      const site = await FaultSite.open(onTestFinished, {
        devices: DEVICES,
        noteLength: NOTE_LENGTH,
        dataDir: freshDirectory(onTestFinished),
        ...imposed,
      });
      for (let round = 0; round < ROUNDS; round++) {
        await fill(site);
        site.cloud.setFaults([]);
        const wellAtMs = performance.now();
        await until(
          async () => (await site.readiness()) === 200 && (await refusal(site)) === undefined,
          OPEN_WITHIN_MS,
          () => 'the intake did not open again',
        );
        measured(`room again, ${limit.what}`, { afterMs: Math.round(performance.now() - wellAtMs) });
        await site.knock();
        await site.untilDelivered(DRAIN_WITHIN_MS);
        expect(site.verdict()).toMatchObject({ lost: [], findings: [] });
      }
      expect(site.proxy.process.exitCode).toBe(null);
    },
  );

  test('for a disk of 16 MB, and the power fails then: it starts on the full disk and delivers', {
    timeout: TIMEOUT_MS,
  }, async ({ onTestFinished, skip }) => {
    const disk = SmallDisk.mount(onTestFinished, DISK_BYTES);
    if (typeof disk === 'string') return skip(notHere('a disk of 16 MB', disk));
    const site = await FaultSite.open(onTestFinished, {
      devices: DEVICES,
      noteLength: NOTE_LENGTH,
      dataDir: `${disk.directory}/data`,
    });
    await fill(site);
    await site.kill();
    await site.start();
    site.cloud.setFaults([]);
    await site.knock();
    await site.untilDelivered(DRAIN_WITHIN_MS);
    expect(site.verdict()).toMatchObject({ lost: [], findings: [] });
    expect(await site.readiness()).toBe(200);
  });
});

/** Sends while the cloud is away until nothing more is taken, and looks at how that is said. */
async function fill(site: FaultSite): Promise<void> {
  // All devices have their grants, and all of the cloud is away: where it failed for states alone and for long, as on a busy machine, it
  // would seem to fail for these, and they would be held apart.
  await site.knock();
  site.cloud.setFaults([{ kind: 'outage' }]);
  const before = site.acknowledged;
  site.startLoad(site.accounts.slice(1));
  let answer: Awaited<ReturnType<typeof refusal>>;
  await until(
    async () => {
      answer = (await site.readiness()) === 503 ? await refusal(site) : undefined;
      return answer !== undefined;
    },
    FULL_WITHIN_MS,
    () => `${site.acknowledged - before} states were taken, and still there is room`,
  );
  // For a while devices go on sending as if nothing had happened.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await site.stopLoad();
  expect(answer).toEqual({ type: 'Unavailable', retryAfterSeconds: expect.any(Number) });
  expect(answer?.retryAfterSeconds).toBeGreaterThan(0);
  expect(site.acknowledged).toBeGreaterThan(before);
  expect(site.proxy.process.exitCode).toBe(null);
  measured('room for states', { acknowledged: site.acknowledged - before });
}

/** How the state of a device that sends nothing else is refused at the moment; undefined when it is taken. */
async function refusal(site: FaultSite): Promise<{ type: string; retryAfterSeconds: number } | undefined> {
  const answer = await site.postOne();
  if (answer.status === 200) return undefined;
  expect(answer.status).toBe(503);
  const { type } = JSON.parse(answer.text) as { type: string };
  return { type, retryAfterSeconds: Number(answer.headers['retry-after']) };
}
