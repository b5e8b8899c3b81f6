import { setTimeout as pause } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { inForm, notHere } from '../helpers/fault-form.js';
import { type AtEnd, FaultSite } from '../helpers/fault-site.js';
import { WallClock } from '../helpers/fault-wall-clock.js';

const DEVICES = 6;
const JUMPS = inForm({ short: ['+10y', '-10y'], long: ['+1h', '-1h', '+10y', '-10y'] });
/** How long the proxy has to act wrongly on the clock it sees. */
const TEMPTED_MS = inForm({ short: 1_500, long: 15_000 });
const DRAIN_WITHIN_MS = 30_000;
const TIMEOUT_MS = inForm({ short: 180_000, long: 180_000 });

/** A site whose proxy lives by a clock of its own, with states of before and after that clock jumped. */
async function jump(atEnd: AtEnd, clock: WallClock, by: string, retention: string): Promise<FaultSite> {
  const env = { ...clock.env, STATEWAY_RETENTION_MS: retention };
  const site = await FaultSite.open(atEnd, { devices: DEVICES, env });
  site.startLoad();
  await site.untilAcknowledged(100);
  site.cloud.setFaults([{ kind: 'outage', route: 'state' }]);
  await site.untilAcknowledged(100);
  clock.jump(by);
  await site.untilAcknowledged(100);
  await site.stopLoad();
  return site;
}

// Each has a proxy of its own, and most of the time all wait.
describe.concurrent.each(JUMPS)('when the wall clock jumps by %s', (by) => {
  test('nothing that waits is given up, while the proxy runs and when it starts again', {
    timeout: TIMEOUT_MS,
  }, async ({ onTestFinished, skip, expect }) => {
    const clock = WallClock.create(onTestFinished);
    if (typeof clock === 'string') return skip(notHere('another wall clock', clock));
    const site = await jump(onTestFinished, clock, by, '10min');
    await pause(TEMPTED_MS);
    expect(await site.metric('stateway_dead_letters')).toBe(0);
    expect(await site.readiness()).toBe(200);
    await site.kill();
    await site.start();
    site.cloud.setFaults([]);
    await site.knock();
    await site.untilDelivered(DRAIN_WITHIN_MS);
    expect(site.verdict()).toMatchObject({ lost: [], findings: [] });
    expect(await site.metric('stateway_dead_letters')).toBe(0);
  });

  test('what is too old by then is given up all the same', { timeout: TIMEOUT_MS }, async ({
    onTestFinished,
    skip,
    expect,
  }) => {
    const clock = WallClock.create(onTestFinished);
    if (typeof clock === 'string') return skip(notHere('another wall clock', clock));
    const site = await jump(onTestFinished, clock, by, '3s');
    const { states } = (await site.status()).spool;
    expect(states).toBeGreaterThan(200);
    await expect.poll(() => site.metric('stateway_dead_letters'), { timeout: 30_000 }).toBeGreaterThanOrEqual(200);
    await expect.poll(async () => (await site.status()).spool.states, { timeout: 30_000 }).toBe(0);
  });
});
