import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inForm, measured } from '../helpers/fault-form.js';
import { FaultSite, LIVELY } from '../helpers/fault-site.js';
import { Weather } from '../helpers/fault-weather.js';

const DEVICES = 8;
const ROUNDS = inForm({ short: 5, long: 200 });
/** A round is killed between its first acknowledgement and so much later. */
const LONGEST_ROUND_MS = 600;
const DRAIN_WITHIN_MS = 60_000;
const TIMEOUT_MS = inForm({ short: 180_000, long: 900_000 });

test(
  `after each of ${ROUNDS} kills under load nothing is lost or out of order, and only what was in flight came twice`,
  async ({ onTestFinished }) => {
    const site = await FaultSite.open(onTestFinished, { devices: DEVICES, ...LIVELY });
    const weather = new Weather(site.cloud);
    onTestFinished(() => weather.clear());
    site.startLoad();
    for (let round = 0; round < ROUNDS; round++) {
      await site.untilAcknowledged(1);
      await pause(Math.random() * LONGEST_ROUND_MS);
      await site.kill();
      await site.start();
    }
    await site.untilAcknowledged(1);
    await site.stopLoad();
    await weather.clear();
    await site.knock();
    await site.untilDelivered(DRAIN_WITHIN_MS);

    const { lost, findings, acknowledged, doubled } = site.verdict();
    measured('kill -9 under load', { rounds: ROUNDS, acknowledged, doubled });
    expect({ lost, findings }).toEqual({ lost: [], findings: [] });
  },
  TIMEOUT_MS,
);
