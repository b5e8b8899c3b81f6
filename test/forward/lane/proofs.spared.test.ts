import { describe, expect, it } from 'vitest';
import type { ProofResult } from '../../../src/core/ports.js';
import { MAX_REQUESTS_IN_FLIGHT } from '../../../src/forward/lanes.js';
import { answer, deviceOf, Harness } from '../harness.js';

const device = deviceOf(1);
const WINDOW_MS = 15_000;
const REFUSED_TOKEN = 'of a stranger';

/** A stranger's token is to show that it may send for a device that has a good grant; the cloud says no. */
function prove(harness: Harness, of = device, isServed = true): Promise<ProofResult> {
  const bytes = Buffer.from(JSON.stringify([harness.nextState()]));
  return harness.lanes.prove(of, REFUSED_TOKEN, { bytes, states: 1 }, isServed);
}

function openHarness(): Harness {
  const harness = new Harness();
  harness.cloud.respond = ({ token }) => answer(token === REFUSED_TOKEN ? 403 : 200);
  return harness;
}

/** The device reports so often, and strangers come 50 times as often; requests of both to the cloud. */
async function besideStrangers(
  harness: Harness,
  everyMs: number,
  forMs: number,
): Promise<{ own: number; strangers: number }> {
  for (let atMs = 0; atMs < forMs; atMs += everyMs) {
    harness.push(device);
    for (let i = 0; i < 50; i++) {
      void prove(harness);
      await harness.clock.advance(everyMs / 50);
    }
  }
  const strangers = harness.cloud.requests.filter(({ token }) => token === REFUSED_TOKEN).length;
  return { own: harness.cloud.requests.length - strangers, strangers };
}

describe('strangers that name a device which has a grant', () => {
  it('take nothing of a rate that the device uses itself', async () => {
    const { own, strangers } = await besideStrangers(openHarness(), 500, 6 * WINDOW_MS);
    // The first window, when its rate is not known yet, is the only one to spare any.
    expect(strangers).toBeLessThanOrEqual(3);
    expect(own).toBeGreaterThanOrEqual(6 * 29 - 3);
  });

  it('take a tenth of the limit at most where it uses half, and none of its states waits for them', async () => {
    const harness = openHarness();
    const { own, strangers } = await besideStrangers(harness, 1_000, 6 * WINDOW_MS);
    expect(own).toBe(90);
    expect(strangers).toBeGreaterThan(0);
    expect(strangers).toBeLessThanOrEqual(3 * 7);
    expect(harness.lanes.heldBytes()).toBe(0);
  });

  it('are told to come again when there is no room in time', async () => {
    const harness = openHarness();
    const outcomes = await Promise.all([prove(harness), prove(harness), prove(harness), prove(harness)]);
    expect(outcomes.map(({ result }) => (result.kind === 'answer' ? result.status : result.kind))).toEqual([
      403,
      403,
      403,
      'later',
    ]);
  });

  it('never send what waits for it: that goes by its own grant', async () => {
    const harness = openHarness();
    harness.push(device);
    await harness.clock.advance(0);
    harness.push(device);
    const proving = prove(harness);
    await harness.clock.advance(1_000);
    expect(await proving).toMatchObject({ isOfBody: true });
    expect(harness.cloud.requests.map(({ token }) => token)).toEqual(['token-01', 'token-01', REFUSED_TOKEN]);
  });
});

it('proofs that the cloud is slow to answer take no place of states', async () => {
  const harness = new Harness();
  harness.push(deviceOf(0));
  await harness.clock.advance(0);
  harness.cloud.respond = ({ token }) => (token === REFUSED_TOKEN ? new Promise(() => {}) : answer(200));
  for (let i = 1; i <= 2 * MAX_REQUESTS_IN_FLIGHT; i++) void prove(harness, deviceOf(i), false);
  harness.push(deviceOf(0));
  await harness.clock.advance(500);
  expect(harness.cloud.requests.at(-1)?.token).not.toBe(REFUSED_TOKEN);
});
