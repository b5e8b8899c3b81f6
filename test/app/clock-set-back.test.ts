import { expect, test } from 'vitest';
import { ClockSite } from '../helpers/clock-site.js';

const HOUR_MS = 3_600_000;

test('when the clock is set back by 8 hours, what comes is stamped by it from then on', async () => {
  const site = await ClockSite.open();
  expect(await site.post(0)).toBe(200);
  site.clock.offByMs = -8 * HOUR_MS;
  for (let n = 1; n <= 5; n++) expect(await site.post(n)).toBe(200);
  await expect.poll(() => site.arrived.length).toBe(6);
  const ahead = site.arrived.slice(1).map(({ time, arrivedMs }) => time - (arrivedMs + site.clock.offByMs));
  for (const aheadMs of ahead) expect(aheadMs).toBeLessThanOrEqual(60_000);
});

test('when the clock is set back by a minute, no two readings get one stamp', async () => {
  const site = await ClockSite.open();
  for (let n = 0; n < 20; n++) expect(await site.post(n)).toBe(200);
  site.clock.offByMs = -59_900;
  for (let n = 20; n < 60; n++) expect(await site.post(n)).toBe(200);
  await expect.poll(() => site.arrived.length).toBe(60);
  expect(new Set(site.arrived.map(({ time }) => time)).size).toBe(60);
  for (const { time, arrivedMs } of site.arrived) {
    expect(time - (arrivedMs + site.clock.offByMs)).toBeLessThanOrEqual(60_000);
  }
});
