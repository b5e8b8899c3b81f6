import { expect, it } from 'vitest';
import { MOST_STRETCH } from '../../src/forward/schedule/start-pace.js';
import { deviceOf, Harness, range } from './harness.js';

const DEVICES = range(0, 1_000).map(deviceOf);
const NEWCOMER = deviceOf(2_000);
const WINDOW_MS = 500;

/** Each device has a state each tenth of a second, for three seconds after one of warming up; how many requests that made. */
async function requestsAt(loadShare: number): Promise<{ harness: Harness; requests: number }> {
  const harness = new Harness();
  harness.loadShare = loadShare;
  const { clock, cloud } = harness;
  await report(harness, 1_000);
  const before = cloud.requests.length;
  await report(harness, 3_000);
  expect(clock.monotonicMs()).toBe(4_000);
  return { harness, requests: cloud.requests.length - before };
}

async function report(harness: Harness, ms: number): Promise<void> {
  for (let elapsedMs = 0; elapsedMs < ms; elapsedMs += 100) {
    harness.pushShared(DEVICES.map((device) => [device, 1, harness.grantOf(device)]));
    await harness.clock.advance(100);
  }
}

it('makes fewer and larger requests on a thread that has time for nothing else, and loses none', async () => {
  const idle = await requestsAt(0);
  const busy = await requestsAt(1);
  expect(idle.requests).toBeGreaterThan(5_000);
  expect(busy.requests).toBeLessThan(idle.requests / 2);
  expect(busy.requests).toBeGreaterThan(idle.requests / (1.5 * MOST_STRETCH));
  busy.harness.loadShare = 0;
  await busy.harness.clock.advance(3 * WINDOW_MS);
  expect(new Set(busy.harness.cloud.values).size).toBe(40 * DEVICES.length);
});

it('sends the first state of a quiet device without the wait of those that report all the time', async () => {
  const { harness } = await requestsAt(1);
  const { clock, cloud } = harness;
  const cameMs = clock.monotonicMs();
  harness.push(NEWCOMER);
  await report(harness, 200);
  const sent = cloud.requests.find(({ device }) => device.key === NEWCOMER.key);
  expect((sent?.atMs as number) - cameMs).toBeLessThan(100);
});
