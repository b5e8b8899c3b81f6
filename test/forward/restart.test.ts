import { expect, it } from 'vitest';
import { CLOCK_MARGIN_MS } from '../../src/forward/lane/pacing.js';
import { buildRecord } from '../helpers/records.js';
import { answer, deviceOf, Harness, range } from './harness.js';
import { NO_SENDS } from './noted-spool.js';

const device = deviceOf(1);
const RATE_HELD_MS = 15_000 + CLOCK_MARGIN_MS;

it('replayed states wait for a grant and are then sent in order before fresh ones', async () => {
  const harness = new Harness();
  harness.replay(device, 3);
  harness.replay(device, 2);
  await harness.clock.advance(1_000);
  expect(harness.cloud.requests).toHaveLength(0);
  expect(harness.lanes.lanes().parked).toBe(1);
  harness.push(device, 2);
  await harness.clock.advance(0);
  expect(harness.cloud.requests.map((request) => request.values)).toEqual([range(0, 7)]);
});

it('states that another took in are sent by a grant that came before their lane', async () => {
  const harness = new Harness();
  harness.known.add(device.key);
  harness.replay(device, 3);
  harness.replay(device, 2);
  await harness.clock.advance(1_000);
  expect(harness.cloud.values).toEqual(range(0, 5));
  expect(harness.offered).toEqual([device]);
});

it('replayed states are sent at once with a token of the proxy itself', async () => {
  const harness = new Harness({ upstreamToken: 'plant' });
  harness.replay(device, 2);
  await harness.clock.advance(0);
  expect(harness.cloud.requests).toMatchObject([{ token: 'plant', values: [0, 1] }]);
});

it('skips what the watermark says is settled', async () => {
  const harness = new Harness({ upstreamToken: 'plant' });
  const watermark = { sequence: 2, states: 3 };
  harness.spool.histories.set(device.key, { watermark, sends: NO_SENDS });
  for (const states of [4, 5, 2]) harness.replay(device, states);
  await harness.clock.advance(500);
  expect(harness.cloud.values).toEqual(range(7, 11));
  expect(harness.spool.settlements).toMatchObject([
    { watermark: { sequence: 3, states: 0 }, finishedSequences: [2], states: 2 },
    { watermark: { sequence: 4, states: 0 }, finishedSequences: [3], states: 2 },
  ]);
  expect(harness.lanes.heldBytes()).toBe(0);
});

it('a record of which only another device has states left is held for that one alone', async () => {
  const harness = new Harness({ upstreamToken: 'plant' });
  const other = deviceOf(2);
  const watermark = { sequence: 1, states: 1 };
  harness.spool.histories.set(device.key, { watermark, sends: NO_SENDS });
  const record = buildRecord([device, other].map((each) => ({ device: each, states: [harness.nextState()] })));
  // As LMDB may give it: anywhere in a larger buffer.
  const shifted = new Uint8Array(record.byteLength + 3).subarray(3);
  shifted.set(record);
  harness.spool.deliver(1, shifted, undefined);
  expect(harness.lanes.heldBytes()).toBeGreaterThanOrEqual(record.byteLength);
  await harness.clock.advance(0);
  expect(harness.cloud.requests).toMatchObject([{ device: other, values: [1] }]);
  expect(harness.lanes.heldBytes()).toBe(0);
});

it('counts what the last run sent, as if when the last of it can have arrived', async () => {
  const harness = new Harness();
  const watermark = { sequence: 1, states: 0 };
  harness.spool.histories.set(device.key, { watermark, sends: { count: 30, windowMs: 15_000, untilMs: -5_000 } });
  harness.push(device);
  await harness.clock.advance(RATE_HELD_MS - 5_001);
  expect(harness.cloud.requests).toHaveLength(0);
  await harness.clock.advance(1);
  expect(harness.cloud.requests).toHaveLength(1);
});

it.each([
  [10, 5_000],
  [1, 1_000],
  [0, 14_999],
])('takes %i requests in a window of %i ms before for as many as the limit now allows', async (count, windowMs) => {
  const harness = new Harness();
  const watermark = { sequence: 1, states: 0 };
  harness.spool.histories.set(device.key, { watermark, sends: { count, windowMs, untilMs: 0 } });
  await harness.clock.advance(1_000);
  harness.push(device);
  await harness.clock.advance(RATE_HELD_MS - 1_001);
  expect(harness.cloud.requests).toHaveLength(0);
  await harness.clock.advance(1);
  expect(harness.cloud.requests).toHaveLength(1);
});

it('with a limit of 1, a replayed device waits until the last request of the last run cannot arrive any more', async () => {
  const harness = new Harness({ upstreamToken: 'plant', rateLimit: { requests: 1, windowMs: 15_000 } });
  harness.replay(device, 1);
  await harness.clock.advance(2 * RATE_HELD_MS - 1);
  expect(harness.cloud.requests).toHaveLength(0);
  await harness.clock.advance(1);
  expect(harness.cloud.requests).toHaveLength(1);
});

it('close waives the window, sends what waits and leaves no timer', async () => {
  const harness = new Harness();
  harness.push(device);
  await harness.clock.advance(0);
  harness.push(device, 3);
  const closed = harness.lanes.close(8_000);
  await harness.clock.advance(0);
  await closed;
  expect(harness.cloud.values).toEqual(range(0, 4));
  expect(harness.spool.settlements).toHaveLength(2);
  expect(harness.clock.pendingTimers).toBe(0);
  expect(harness.lanes.lanes()).toEqual({ idle: 0, pacing: 0, backoff: 0, parked: 0 });
});

it('close with nothing to do is over at once, as is a second', async () => {
  const harness = new Harness();
  await Promise.all([harness.lanes.close(8_000), harness.lanes.close(8_000)]);
  expect(harness.clock.pendingTimers).toBe(0);
});

it('close keeps to the rate limit and does not wait for what it cannot send in time', async () => {
  const harness = new Harness({ windowMs: 0, maxBodyBytes: 60 });
  harness.push(device, 31);
  harness.cloud.respond = () => answer(200);
  harness.push(deviceOf(2));
  await harness.clock.advance(0);
  const closed = harness.lanes.close(8_000);
  await harness.clock.advance(0);
  await closed;
  expect(harness.cloud.requests.filter((request) => request.device.key === device.key)).toHaveLength(30);
  expect(harness.clock.pendingTimers).toBe(0);
});

it('close waits for a back-off that ends in time, not for a parked lane', async () => {
  const harness = new Harness();
  harness.cloud.respond = ({ device: { deviceId } }, number) =>
    answer(deviceId.endsWith('2') ? 404 : number < 2 ? 503 : 200);
  harness.push(device);
  harness.push(deviceOf(2));
  await harness.clock.advance(0);
  let isClosed = false;
  const closed = harness.lanes.close(8_000).then(() => (isClosed = true));
  await harness.clock.advance(999);
  expect(isClosed).toBe(false);
  await harness.clock.advance(1);
  await closed;
  expect(harness.spool.settlements).toMatchObject([{ device }]);
  expect(harness.clock.pendingTimers).toBe(0);
});

it('close lets a request in flight end and settles it', async () => {
  const harness = new Harness();
  harness.cloud.respond = () => new Promise((resolve) => harness.clock.schedule(7_000, () => resolve(answer(200))));
  harness.push(device);
  const closed = harness.lanes.close(8_000);
  await harness.clock.advance(7_000);
  await closed;
  expect(harness.spool.settlements).toHaveLength(1);
  expect(harness.clock.pendingTimers).toBe(0);
});

it('close begins nothing that could not end in time, as answers come, and waits for what has begun', async () => {
  const harness = new Harness({ windowMs: 0, maxBodyBytes: 60 });
  const { clock, cloud } = harness;
  cloud.respond = () => new Promise((resolve) => clock.schedule(3_500, () => resolve(answer(200))));
  harness.push(device, 10);
  await clock.advance(5_000);
  let isClosed = false;
  const closed = harness.lanes.close(8_000).then(() => (isClosed = true));
  // Sent at 0 and 3.5 s; from 7 s on a third would take until after the end.
  await clock.advance(2_000);
  expect([cloud.requests.length, isClosed]).toEqual([3, false]);
  await clock.advance(3_500);
  await closed;
  expect(cloud.requests).toHaveLength(3);
  expect(harness.meters.forwarded).toBe(3);
  expect(clock.pendingTimers).toBe(0);
});

it('what could not end within the time that is left does not start before the closing either', async () => {
  const harness = new Harness({ windowMs: 0 });
  const { clock, cloud } = harness;
  cloud.respond = () => new Promise((resolve) => clock.schedule(3_000, () => resolve(answer(200))));
  harness.push(device);
  await clock.advance(3_000);
  harness.lanes.endWithin(8_000);
  await clock.advance(4_000);
  harness.push(deviceOf(2));
  await clock.advance(1_000);
  expect(cloud.requests).toHaveLength(1);
  expect(await harness.lanes.close(3_000)).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});

it('close is over in its time though a request hangs; its states stay in the spool whatever comes of it', async () => {
  const harness = new Harness();
  let late: () => void = () => {};
  harness.cloud.respond = () => new Promise((resolve) => (late = () => resolve(answer(200))));
  harness.push(device);
  const closed = harness.lanes.close(8_000);
  await harness.clock.advance(8_000);
  expect(await closed).toBe(1);
  late();
  await harness.clock.advance(1_000);
  harness.push(device);
  await harness.clock.advance(60_000);
  expect(harness.spool.settlements).toEqual([]);
  expect(harness.cloud.requests).toHaveLength(1);
  expect(harness.clock.pendingTimers).toBe(0);
});
