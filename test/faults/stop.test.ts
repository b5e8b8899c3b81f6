import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inForm, measured } from '../helpers/fault-form.js';
import { portOf } from '../helpers/fault-process.js';
import { FaultSite, LIVELY } from '../helpers/fault-site.js';
import { postNumbers } from '../helpers/fault-witness.js';

const DEVICES = 8;
const STOPS = 3;
const EXIT_WITHIN_MS = 10_000;
const STATES_BETWEEN = inForm({ short: 500, long: 50_000 });
const DRAIN_WITHIN_MS = 30_000;
/** Of a cloud that has the states at once and says so late. */
const SLOW_ANSWER_MS = 3_500;
const SLOW_DEVICES = 150;
const SLOW_ROUNDS = 10;
const SLOW_ROUND_MS = 1_000;
const TIMEOUT_MS = inForm({ short: 180_000, long: 300_000 });

test(
  'three times SIGTERM under load: exit 0 within 10 s, nothing lost, nothing twice',
  async ({ onTestFinished }) => {
    const site = await FaultSite.open(onTestFinished, { devices: DEVICES, ...LIVELY });
    // Slow enough an answer that each stop meets requests in flight.
    site.cloud.setFaults([{ kind: 'delay', delayMs: 30, route: 'state' }]);
    site.startLoad();
    let longestMs = 0;
    for (let stop = 0; stop < STOPS; stop++) {
      await site.untilAcknowledged(STATES_BETWEEN, TIMEOUT_MS / 4);
      const askedAtMs = performance.now();
      expect(await site.proxy.stop()).toBe(0);
      longestMs = Math.max(longestMs, performance.now() - askedAtMs);
      await site.start();
    }
    expect(longestMs).toBeLessThan(EXIT_WITHIN_MS);
    await site.stopLoad();
    await site.knock();
    await site.untilDelivered(DRAIN_WITHIN_MS);

    const { lost, findings, acknowledged } = site.verdict();
    measured('SIGTERM under load', { acknowledged, longestStopMs: Math.round(longestMs) });
    expect({ lost, findings }).toEqual({ lost: [], findings: [] });
  },
  TIMEOUT_MS,
);

test(
  'SIGTERM with a cloud that takes 3.5 s an answer: exit 0 within 10 s, nothing lost, nothing twice',
  async ({ onTestFinished }) => {
    const site = await FaultSite.open(onTestFinished, { devices: SLOW_DEVICES });
    site.cloud.setFaults([{ kind: 'late-answer', delayMs: SLOW_ANSWER_MS, route: 'state' }]);
    // Little at a time, so that it is the cloud that is slow and not the machine. More devices than requests that may be
    // out at one time: there is always one to start.
    for (let round = 0; round < SLOW_ROUNDS; round++) {
      const port = portOf(site.proxy);
      await Promise.all(site.accounts.map((account) => postNumbers(account, account.take(2), port)));
      await pause(SLOW_ROUND_MS);
    }
    expect(site.accounts.some(({ device }) => site.deliveries.of(device.deviceId).length > 1)).toBe(true);
    const askedAtMs = performance.now();
    expect(await site.proxy.stop()).toBe(0);
    const tookMs = performance.now() - askedAtMs;
    expect(tookMs).toBeLessThan(EXIT_WITHIN_MS);
    site.cloud.setFaults([]);
    await site.start();
    await site.knock();
    await site.untilDelivered(DRAIN_WITHIN_MS);

    const { lost, findings, acknowledged, doubled } = site.verdict();
    measured('SIGTERM with a slow cloud', { acknowledged, doubled, stopMs: Math.round(tookMs) });
    expect({ lost, findings, doubled }).toEqual({ lost: [], findings: [], doubled: 0 });
  },
  TIMEOUT_MS,
);
