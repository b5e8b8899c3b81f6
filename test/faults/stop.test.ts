import { expect, test } from 'vitest';
import { inForm, measured } from '../helpers/fault-form.js';
import { FaultSite, LIVELY } from '../helpers/fault-site.js';

const DEVICES = 8;
const STOPS = 3;
const EXIT_WITHIN_MS = 10_000;
const STATES_BETWEEN = inForm({ short: 500, long: 50_000 });
const DRAIN_WITHIN_MS = 30_000;
const TIMEOUT_MS = inForm({ short: 90_000, long: 300_000 });

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
