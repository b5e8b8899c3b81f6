import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mostInWindow } from '../forward/harness.js';
import { ClockSite } from '../helpers/clock-site.js';

const YEAR_MS = 365 * 86_400_000;
const WINDOW_MS = 15_000;
/** As long as it takes until the first requests of before the restart count no more. */
const WATCHED_MS = 9_000;

interface Restart {
  readonly before: string;
  readonly offByMs?: number;
  readonly boot?: string;
}

/** Uses a limit up, restarts the proxy with 30 in 15 s, and counts the most requests that came in any 15 s. */
async function mostAcross({ before, offByMs = 0, boot }: Restart): Promise<number> {
  const site = await ClockSite.open({ env: { STATEWAY_WINDOW_MS: '10', STATEWAY_RATE_LIMIT: before } });
  // At the stop one more may be out and one more be sent, which a limit of 10 in 2 s allows by itself.
  for (let n = 0; site.requestsAtMs.length < 28; n++) {
    expect(await site.post(n)).toBe(200);
    await pause(10);
  }
  await site.proxy.stop();
  site.clock.offByMs = offByMs;
  await site.start({ STATEWAY_RATE_LIMIT: '30/15s', ...(boot === undefined ? {} : { MOVED_BOOT: boot }) });
  const endMs = performance.now() + WATCHED_MS;
  for (let n = 0; performance.now() < endMs; n++) {
    expect(await site.post(n)).toBe(200);
    await pause(50);
  }
  return mostInWindow(site.requestsAtMs, WINDOW_MS);
}

test('no device has more than 30 requests in 15 s, whatever is changed across a restart', async () => {
  const restarts: readonly Restart[] = [
    { before: '10/2s' },
    { before: '30/15s', offByMs: 3_600_000 },
    { before: '30/15s', offByMs: -10 * YEAR_MS },
    { before: '30/15s', boot: 'another' },
  ];
  const most = await Promise.all(restarts.map(mostAcross));
  expect(Math.max(...most)).toBeLessThanOrEqual(30);
}, 150_000);

test('the age of the oldest waiting state follows no jump of the wall clock, nor across a restart', async () => {
  const site = await ClockSite.open();
  expect(await site.post(0)).toBe(200);
  site.isCloudAway = true;
  const since = performance.now();
  expect(await site.post(1)).toBe(200);
  const isRight = async () => {
    const oldest = await site.metric('stateway_spool_oldest_seconds');
    expect(oldest).toBeGreaterThan(0);
    expect(oldest).toBeLessThanOrEqual((performance.now() - since) / 1_000 + 1);
  };
  for (const offByMs of [3_600_000, -3_600_000, -20 * YEAR_MS]) {
    site.clock.offByMs = offByMs;
    expect(await site.post(2)).toBe(200);
    await isRight();
  }
  await site.proxy.kill();
  await site.start();
  await isRight();
});
