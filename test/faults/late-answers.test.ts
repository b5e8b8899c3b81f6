import { test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { openSite, postState, type Site, status, untilHeld } from '../helpers/bench-site.js';
import { expect } from '../helpers/test-scope.js';

/** Longer than an answer is waited for (`ANSWER_TIMEOUT_MS`). */
const ANSWER_AFTER_MS = 18_000;
const WITHIN_MS = 90_000;

function tryLogIn(site: Site, { deviceId, credentials }: PlannedDevice): Promise<Response> {
  const body = JSON.stringify({ deviceId, ...credentials });
  return fetch(`${site.proxy.url}/auth/device`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
}

/** Asks until the answer is 200, as a device does; how often it asked. */
async function untilGranted(ask: () => Promise<{ readonly status: number }>): Promise<number> {
  for (let asked = 1; ; asked++) {
    const { status: answered } = await ask();
    if (answered === 200) return asked;
    expect(answered).toBe(503);
  }
}

function tokenOf(site: Site, { applicationId }: PlannedDevice): string {
  const subject = { kind: 'application', applicationId } as const;
  return site.cloud.issueToken({ subject, scopes: ['all.Application'], ttlSeconds: 600 });
}

test.concurrent('a cloud that stores at once and answers after 18 s is sent each state twice at most', async () => {
  const site = await openSite({ devices: 6 });
  const token = tokenOf(site, site.devices[0] as PlannedDevice);
  for (const device of site.devices) await postState(site, device, token, { data: { n: 0 } });
  for (const device of site.devices) await untilHeld(site, device, ({ records }) => records.length === 1);
  site.cloud.setFaults([{ kind: 'late-answer', route: 'state', delayMs: ANSWER_AFTER_MS }]);
  for (const device of site.devices) await postState(site, device, token, { data: { n: 1 } });
  const waiting = async () => (await status(site)).spool.states;
  await expect.poll(waiting, { timeout: WITHIN_MS }).toBe(0);
  // Known to be slow by now: what comes next is waited for from the start.
  for (const device of site.devices) await postState(site, device, token, { data: { n: 2 } });
  await expect.poll(waiting, { timeout: WITHIN_MS }).toBe(0);
  for (const { deviceId } of site.devices) {
    const deliveries = site.cloud.ledger(deviceId)?.records.map((record) => record.deliveries) ?? [];
    expect(deliveries).toHaveLength(3);
    expect(deliveries[1]).toBeLessThanOrEqual(2);
    expect(deliveries[2]).toBe(1);
  }
}, 200_000);

test.concurrent('log-ins and questions that it answers after 18 s are let in by a later try', async () => {
  const site = await openSite({ devices: 2 });
  const [first, second] = site.devices as [PlannedDevice, PlannedDevice];
  const token = tokenOf(site, second);
  site.cloud.setFaults([
    { kind: 'late-answer', route: 'login', delayMs: ANSWER_AFTER_MS },
    { kind: 'late-answer', route: 'device', delayMs: ANSWER_AFTER_MS },
  ]);
  const asked = await Promise.all([
    untilGranted(() => tryLogIn(site, first)),
    untilGranted(() => postState(site, second, token, { data: { n: 1 } })),
  ]);
  // The first runs into the limit; the second has the answer to the first.
  expect(asked).toEqual([2, 2]);
  await untilHeld(site, second, ({ records }) => records.length === 1);
}, 120_000);
