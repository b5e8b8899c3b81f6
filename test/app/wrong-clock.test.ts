import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'vitest';
import { type ArrivedState, ClockSite } from '../helpers/clock-site.js';
import { expect } from '../helpers/test-scope.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A `Date` has whole seconds, and a busy machine takes its time. Less than the minute that some states are given back. */
const EXACT_MS = 30_000;

/** How far the clock is off that starts in a year. */
function bootIn(year: number): number {
  return Date.UTC(year, 0, 1) - Date.now();
}

/** Asserts that states came in order, each once and under a time of its own, close to when they were sent. */
function expectRight(arrived: readonly ArrivedState[], sentAtMs: readonly number[], withinMs = EXACT_MS): void {
  expect(arrived.map(({ data }) => data.n)).toEqual(sentAtMs.map((_, n) => n));
  expect(new Set(arrived.map(({ time }) => time)).size).toBe(arrived.length);
  const offBy = arrived.map(({ time }, n) => Math.abs(time - (sentAtMs[n] as number)));
  expect(Math.max(...offBy)).toBeLessThan(withinMs);
}

/** Sends states and notes the right time of each. */
async function sendMany(site: ClockSite, sentAtMs: number[], count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const n = sentAtMs.length;
    // Some count from their arrival: a minute ago.
    const isRelative = n % 3 === 2;
    sentAtMs.push(Date.now() - (isRelative ? 60_000 : 0));
    expect(await site.post(n, isRelative ? -60_000 : undefined)).toBe(200);
  }
}

test.concurrent.each([1970, 2000])(
  'booted in %i with a cloud that says what time it is, nothing has a wrong time',
  async (year) => {
    const site = await ClockSite.open({ offByMs: bootIn(year), cloudOffByMs: 0 });
    const sentAtMs: number[] = [];
    await sendMany(site, sentAtMs, 6);
    await expect.poll(() => site.arrived.length).toBe(6);
    expectRight(site.arrived, sentAtMs);
    expect(await site.metric('stateway_states_out_of_window_total')).toBe(0);
  },
);

test.concurrent.each([8 * HOUR_MS, -8 * HOUR_MS])(
  'a clock %i ms off is corrected by that of the cloud',
  async (offByMs) => {
    const site = await ClockSite.open({ offByMs, cloudOffByMs: 0 });
    const sentAtMs: number[] = [];
    await sendMany(site, sentAtMs, 6);
    await expect.poll(() => site.arrived.length).toBe(6);
    expectRight(site.arrived, sentAtMs);
  },
);

test.concurrent('that the clock is wrong is known before any device has come', async () => {
  const site = await ClockSite.open({ offByMs: 8 * HOUR_MS, cloudOffByMs: 0 });
  const told = () => site.proxy.log.find(({ event }) => event === 'clock-wrong');
  await expect.poll(told).toBeDefined();
  expect(Math.abs(Number(told()?.skewSeconds) - (8 * HOUR_MS) / 1_000)).toBeLessThanOrEqual(EXACT_MS / 1_000);
});

test.concurrent('in an outage after a boot in 1970, states wait for a right clock and are corrected by it', async () => {
  const site = await ClockSite.open({ offByMs: 0, cloudOffByMs: 0 });
  // The token is granted, so that states are taken while the cloud is away.
  expect(await site.post(0)).toBe(200);
  await expect.poll(async () => (await site.status()).spool.states).toBe(0);
  site.arrived.length = 0;
  site.isCloudAway = true;
  await site.proxy.kill();
  site.clock.offByMs = bootIn(1970);
  await site.start({ MOVED_BOOT: 'of 1970' });
  const sentAtMs: number[] = [];
  await sendMany(site, sentAtMs, 6);
  site.clock.offByMs = 0;
  await sendMany(site, sentAtMs, 3);
  site.isCloudAway = false;
  await expect.poll(() => site.arrived.length, { timeout: 30_000 }).toBe(9);
  expectRight(site.arrived, sentAtMs);
  expect(await site.metric('stateway_states_out_of_window_total')).toBe(0);
}, 180_000);

test.concurrent('with a cloud that does not say what time it is, states of 1970 wait until the clock is set, and are shown', async () => {
  const site = await ClockSite.open({ offByMs: bootIn(1970) });
  const sentAtMs: number[] = [];
  await sendMany(site, sentAtMs, 4);
  await expect
    .poll(async () => JSON.stringify((await site.status()).devices.listed))
    .toContain('the clock of this machine is wrong');
  expect(site.arrived).toEqual([]);
  site.clock.offByMs = 0;
  await expect.poll(() => site.arrived.length, { timeout: 30_000 }).toBe(4);
  expectRight(site.arrived, sentAtMs);
}, 180_000);

test.concurrent('states of an earlier boot whose clock was never right end when this one began, in order', async () => {
  const site = await ClockSite.open({ offByMs: bootIn(2000), env: { MOVED_BOOT: 'first' } });
  const sentAtMs: number[] = [];
  await sendMany(site, sentAtMs, 4);
  await site.proxy.kill();
  site.clock.offByMs = 0;
  site.cloudOffByMs = 0;
  await site.start({ MOVED_BOOT: 'second' });
  await sendMany(site, sentAtMs, 3);
  await expect.poll(() => site.arrived.length, { timeout: 30_000 }).toBe(7);
  expectRight(site.arrived, sentAtMs, 5 * 60_000);
  const [ofFirst, ofSecond] = [site.arrived.slice(0, 4), site.arrived.slice(4)];
  expect(Math.max(...ofFirst.map(({ time }) => time))).toBeLessThanOrEqual(
    Math.max(...ofSecond.map(({ time }) => time)),
  );
}, 180_000);

test.concurrent('a state that may have arrived is sent again with the time it had, whatever the clock does and after a kill', async () => {
  const site = await ClockSite.open({ cloudOffByMs: 0 });
  expect(await site.post(0)).toBe(200);
  await expect.poll(() => site.arrived.length).toBe(1);
  site.isCloudMute = true;
  expect(await site.post(1)).toBe(200);
  await expect.poll(() => site.arrived.length).toBe(2);
  site.clock.offByMs = 20_000;
  site.cloudOffByMs = 20_000;
  await expect.poll(() => site.arrived.length).toBeGreaterThanOrEqual(3);
  await site.proxy.kill();
  site.isCloudMute = false;
  const seen = site.arrived.length;
  await site.start();
  await expect.poll(() => site.arrived.length, { timeout: 30_000 }).toBeGreaterThan(seen);
  const times = site.arrived.filter(({ data }) => data.n === 1).map(({ time }) => time);
  expect(new Set(times).size).toBe(1);
}, 180_000);

test.concurrent('a jump that the cloud does not make changes no time of its own', async () => {
  const site = await ClockSite.open({ cloudOffByMs: 0 });
  const sentAtMs: number[] = [];
  await sendMany(site, sentAtMs, 3);
  site.clock.offByMs = 3_650 * DAY_MS;
  await sendMany(site, sentAtMs, 3);
  site.clock.offByMs = -HOUR_MS;
  await sendMany(site, sentAtMs, 3);
  await expect.poll(() => site.arrived.length).toBe(9);
  expectRight(site.arrived, sentAtMs);
});

test.concurrent('what becomes too old for the cloud while it waits is counted when it is sent', async () => {
  const site = await ClockSite.open({ cloudOffByMs: 0 });
  expect(await site.post(0)).toBe(200);
  await expect.poll(async () => (await site.status()).spool.states).toBe(0);
  site.isCloudAway = true;
  expect(await site.post(1, Date.now() - 30 * DAY_MS + 4_000)).toBe(200);
  expect(await site.post(2, Date.now() - 31 * DAY_MS)).toBe(200);
  expect(await site.metric('stateway_states_out_of_window_total')).toBe(1);
  await pause(4_500);
  site.isCloudAway = false;
  await expect.poll(() => site.arrived.length, { timeout: 30_000 }).toBe(3);
  await expect.poll(() => site.metric('stateway_states_out_of_window_total')).toBe(2);
}, 180_000);

test.concurrent('while nothing says what time it is, a first state that is a proof is taken with a time of its own alone', async () => {
  const site = await ClockSite.open({ offByMs: bootIn(1970) });
  expect(await site.postBody({ data: { n: 0 } }, 'opaque')).toBe(503);
  expect(await site.postBody({ data: { n: 0 }, time: -1_000 }, 'opaque')).toBe(503);
  expect(site.arrived).toEqual([]);
  expect(await site.postBody({ data: { n: 0 }, time: Date.now() }, 'opaque')).toBe(200);
  expect(site.arrived).toHaveLength(1);
});
