import { expect, it } from 'vitest';
import type { SendResult } from '../../src/core/cloud-results.js';
import type { SendLater } from '../../src/core/ports.js';
import { answer, deviceOf, Harness, mostInWindow, REFUSED, range } from './harness.js';

const device = deviceOf(1);

/** Sends one state of the device past its lane. */
function sendNow(harness: Harness, of = device): Promise<SendResult | SendLater> {
  const bytes = Buffer.from(JSON.stringify([harness.nextState()]));
  return harness.lanes.sendNow(of, 'any token', { bytes, states: 1 });
}

it('goes out at once with its own token, and is counted among the requests', async () => {
  const harness = new Harness();
  expect(await sendNow(harness)).toEqual(answer(200));
  expect(harness.cloud.requests).toMatchObject([{ device, token: 'any token', values: [0] }]);
  expect([...harness.meters.upstreamRequests]).toEqual([['200', 1]]);
  expect(harness.meters.forwarded).toBe(0);
});

it('counts in the pacing of the lane, and the lane in its: never more than the limit in any window', async () => {
  const harness = new Harness({ windowMs: 0 });
  const outcomes: string[] = [];
  for (let second = 0; second < 60; second++) {
    harness.push(device);
    await harness.clock.advance(0);
    for (const _ of range(0, 3)) outcomes.push((await sendNow(harness)).kind);
    await harness.clock.advance(1_000);
  }
  expect(mostInWindow(harness.cloud.sentAtMs, 15_000)).toBe(30);
  expect(outcomes).toContain('later');
  expect(outcomes.filter((kind) => kind === 'answer').length).toBeGreaterThan(30);
});

it('says when there is room again', async () => {
  const harness = new Harness({ rateLimit: { requests: 2, windowMs: 15_000 } });
  await sendNow(harness);
  await harness.clock.advance(5_000);
  await sendNow(harness);
  const refused = (await sendNow(harness)) as SendLater;
  expect(refused).toEqual({ kind: 'later', afterMs: 10_025 });
  await harness.clock.advance(refused.afterMs - 1);
  expect(await sendNow(harness)).toEqual({ kind: 'later', afterMs: 1 });
  await harness.clock.advance(1);
  expect(await sendNow(harness)).toEqual(answer(200));
});

it('is never beside a request of its lane, nor the lane beside it', async () => {
  const harness = new Harness();
  let release = (_: SendResult): void => {};
  harness.cloud.respond = () => new Promise((resolve) => (release = resolve));
  harness.push(device);
  await harness.clock.advance(0);
  expect(await sendNow(harness)).toMatchObject({ kind: 'later' });
  release(answer(200));
  await harness.clock.advance(500);
  const sending = sendNow(harness);
  harness.push(device);
  await harness.clock.advance(10_000);
  expect(harness.cloud.requests).toHaveLength(2);
  release(answer(200));
  expect(await sending).toEqual(answer(200));
  await harness.clock.advance(500);
  expect(harness.cloud.requests).toHaveLength(3);
  expect(harness.cloud.mostInFlight).toBe(1);
});

it('heeds a 429 that the lane was given, and gives its own to the lane', async () => {
  const harness = new Harness();
  harness.cloud.respond = () => answer(429, 7_000);
  harness.push(device);
  await harness.clock.advance(0);
  expect(await sendNow(harness)).toEqual({ kind: 'later', afterMs: 7_000 });
  harness.cloud.respond = () => answer(200);
  await harness.clock.advance(7_500);
  harness.cloud.respond = () => answer(429, 3_000);
  await sendNow(harness);
  harness.cloud.respond = () => answer(200);
  const sentBefore = harness.cloud.requests.length;
  harness.push(device);
  await harness.clock.advance(2_999);
  expect(harness.cloud.requests).toHaveLength(sentBefore);
  await harness.clock.advance(1);
  expect(harness.cloud.requests).toHaveLength(sentBefore + 1);
});

it('while the cloud is down is the probe, or nothing: and brings it back where nothing else is sent', async () => {
  const harness = new Harness();
  harness.cloud.respond = () => REFUSED;
  for (const n of range(0, 5)) await sendNow(harness, deviceOf(n));
  expect(harness.lanes.isCloudUp()).toBe(false);
  expect(await sendNow(harness)).toMatchObject({ kind: 'failure', mayArriveLater: false });
  expect(harness.cloud.requests).toHaveLength(5);
  await harness.clock.advance(1_000);
  harness.cloud.respond = () => answer(200);
  expect(await sendNow(harness)).toEqual(answer(200));
  expect(harness.lanes.isCloudUp()).toBe(true);
});

it('leaves no lane behind when its request counts no more, and sends nothing while the proxy stops', async () => {
  const harness = new Harness();
  await sendNow(harness);
  await harness.clock.advance(15_025);
  expect(harness.lanes.lanes()).toEqual({ idle: 0, pacing: 0, backoff: 0, parked: 0 });
  await harness.lanes.close(1_000);
  expect(await sendNow(harness)).toMatchObject({ kind: 'failure' });
  expect(harness.cloud.requests).toHaveLength(1);
  expect(harness.clock.pendingTimers).toBe(0);
});
