import { describe, expect, it } from 'vitest';
import type { SendResult } from '../../src/core/cloud-port.js';
import { PROBE_CAP_MS } from '../../src/forward/schedule/cloud-health.js';
import { MAX_SPREAD_MS, PROBE_BODY_BYTES } from '../../src/forward/schedule/schedule.js';
import { answer, deviceOf, Harness, LOST, REFUSED, range, TIME_ZERO } from './harness.js';

const LANES = 300;

/** A plant of many devices, and a cloud that a test can switch. */
function plant(options: ConstructorParameters<typeof Harness>[0] = {}, seed = 1) {
  let state = seed;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const harness = new Harness(options, random);
  let result: SendResult = answer(200);
  let delayMs = 20;
  harness.cloud.respond = () => {
    const given = result;
    return new Promise((resolve) => harness.clock.schedule(delayMs, () => resolve(given)));
  };
  return {
    harness,
    clock: harness.clock,
    cloud: harness.cloud,
    setCloud: (to: SendResult, inMs = 20) => {
      result = to;
      delayMs = inMs;
    },
    pushAll: () => {
      for (let n = 0; n < LANES; n++) harness.push(deviceOf(n));
    },
  };
}

describe.each([
  ['refuses connections', REFUSED, 20],
  ['answers 503', answer(503), 20],
  ['never answers', LOST, 19_000],
])('a cloud that %s', (_name, result, delayMs) => {
  it('is asked by one probe at a time, and has everything within 30 s of its recovery', async () => {
    const { harness, clock, cloud, pushAll, setCloud } = plant();
    setCloud(result, delayMs);
    pushAll();
    // Those that were started before the first failures came have their time out.
    await clock.advance(2 * delayMs + 15_000);
    expect(harness.lanes.isCloudUp()).toBe(false);
    const before = cloud.requests.length;
    cloud.mostInFlight = cloud.inFlight;
    await clock.advance(600_000);
    expect(cloud.mostInFlight).toBeLessThanOrEqual(1);
    const probes = cloud.requests.slice(before);
    expect(probes.length).toBeGreaterThanOrEqual(Math.floor(600_000 / Math.max(PROBE_CAP_MS, delayMs)) - 2);
    expect(probes.length).toBeLessThan(600_000 / Math.max(PROBE_CAP_MS / 2, delayMs) + 2);
    setCloud(answer(200));
    const upMs = clock.monotonicMs();
    await clock.advance(30_000);
    expect(harness.lanes.isCloudUp()).toBe(true);
    expect(harness.meters.forwarded).toBe(LANES);
    const starts = cloud.requests.filter(({ atMs }) => atMs >= upMs).map(({ atMs }) => atMs);
    expect(
      Math.max(...starts.map((atMs) => starts.filter((other) => Math.abs(other - atMs) < 50).length)),
    ).toBeLessThan(60);
  });
});

it('tells of the outage and of its end, and since when', async () => {
  const { harness, clock, pushAll, setCloud } = plant();
  expect(harness.lanes.cloudSince()).toBeUndefined();
  setCloud(REFUSED);
  pushAll();
  await clock.advance(60_000);
  const [down] = harness.cloudChanges;
  expect(harness.cloudChanges).toEqual([{ isUp: false, atMs: expect.any(Number) }]);
  expect(harness.lanes.cloudSince()).toBeCloseTo(TIME_ZERO + (down?.atMs as number));
  setCloud(answer(200));
  await clock.advance(60_000);
  expect(harness.cloudChanges).toMatchObject([{ isUp: false }, { isUp: true }]);
  expect(harness.lanes.cloudSince()).toBeCloseTo(TIME_ZERO + (harness.cloudChanges[1]?.atMs as number));
});

it('at its end every lane is due again, whatever back-off it was in', async () => {
  const { harness, clock, cloud, setCloud } = plant();
  setCloud(REFUSED);
  for (const n of [1, 2, 3]) harness.push(deviceOf(n));
  await clock.advance(300_000);
  setCloud(answer(200));
  await clock.advance(60_000);
  const upMs = harness.cloudChanges.at(-1)?.atMs as number;
  expect(harness.meters.forwarded).toBe(3);
  expect(Math.max(...cloud.sentAtMs)).toBeLessThanOrEqual(upMs + 3 * 5);
});

it('probes with small bodies, as one that hangs is given the longer the more it carries', async () => {
  const { harness, clock, cloud, setCloud } = plant();
  setCloud(REFUSED);
  for (const n of [1, 2, 3, 4, 5]) harness.push(deviceOf(n), 2_000);
  await clock.advance(10_000);
  expect(harness.lanes.isCloudUp()).toBe(false);
  const before = cloud.requests.length;
  await clock.advance(60_000);
  const probes = cloud.requests.slice(before).map(({ body }) => body.length);
  expect(probes.length).toBeGreaterThan(3);
  expect(Math.max(...probes)).toBeLessThanOrEqual(PROBE_BODY_BYTES);
  expect(Math.min(...probes)).toBeGreaterThan(PROBE_BODY_BYTES / 2);
});

it('tries a lane whose request failed with a small body first', async () => {
  const { harness, clock, cloud } = plant();
  cloud.respond = () => (cloud.requests.length === 2 ? LOST : answer(200));
  harness.push(deviceOf(1), 2_000);
  await clock.advance(60_000);
  const [, failed = 0, tried = 0, next = 0] = cloud.requests.map(({ body }) => body.length);
  expect(failed).toBeGreaterThan(2 * PROBE_BODY_BYTES);
  expect(tried).toBeLessThanOrEqual(PROBE_BODY_BYTES);
  expect(next).toBeGreaterThan(PROBE_BODY_BYTES);
  expect(harness.meters.forwarded).toBe(2_000);
});

it('asks with small bodies until the cloud has answered for the first time', async () => {
  const { harness, clock, cloud } = plant();
  harness.push(deviceOf(1), 2_000);
  await clock.advance(60_000);
  const [first = 0, second = 0] = cloud.requests.map(({ body }) => body.length);
  expect(first).toBeLessThanOrEqual(PROBE_BODY_BYTES);
  expect(second).toBeGreaterThan(2 * PROBE_BODY_BYTES);
  expect(harness.meters.forwarded).toBe(2_000);
});

it('lanes that wait for the cloud count as in back-off', async () => {
  const { harness, clock, pushAll, setCloud } = plant();
  setCloud(REFUSED);
  pushAll();
  await clock.advance(60_000);
  expect(harness.lanes.lanes()).toEqual({ idle: 0, pacing: 0, backoff: LANES, parked: 0 });
});

it('each probe is of another device, so that one whose states upset the cloud does not keep it down', async () => {
  const { harness, clock, cloud, pushAll, setCloud } = plant();
  setCloud(REFUSED);
  pushAll();
  await clock.advance(10_000);
  const poisoned = deviceOf(0).key;
  cloud.respond = ({ device }) => answer(device.key === poisoned ? 500 : 200);
  await clock.advance(2 * PROBE_CAP_MS + MAX_SPREAD_MS);
  expect(harness.meters.forwarded).toBe(LANES - 1);
});

it('one device that fails, parks or is throttled does not delay the others', async () => {
  const { harness, clock, cloud } = plant();
  const results = [answer(500), answer(429), answer(401), LOST];
  cloud.respond = ({ device }) => results[Number.parseInt(device.deviceId, 16)] ?? answer(200);
  for (let second = 0; second < 120; second++) {
    for (let n = 0; n < 30; n++) harness.push(deviceOf(n));
    await clock.advance(1_000);
  }
  expect(harness.cloudChanges).toEqual([]);
  const healthy = cloud.requests.filter(({ device }) => Number.parseInt(device.deviceId, 16) >= results.length);
  expect(healthy).toHaveLength(120 * 26);
  expect(healthy.every(({ atMs }) => atMs % 1_000 === 0)).toBe(true);
});

it('close does not wait for a cloud that is down for longer than it may', async () => {
  const { harness, clock, pushAll, setCloud } = plant();
  setCloud(REFUSED);
  pushAll();
  await clock.advance(120_000);
  let isClosed = false;
  const closed = harness.lanes.close(2_000).then(() => (isClosed = true));
  await clock.advance(2_000);
  expect(isClosed).toBe(true);
  await closed;
  expect(clock.pendingTimers).toBe(0);
});

it('close sends what it can when the cloud comes back in time', async () => {
  const { harness, clock, cloud, pushAll, setCloud } = plant();
  setCloud(REFUSED);
  pushAll();
  await clock.advance(2_000);
  setCloud(answer(200));
  const closed = harness.lanes.close(20_000);
  await clock.advance(20_000);
  await closed;
  expect(harness.meters.forwarded).toBe(LANES);
  expect(new Set(cloud.values)).toEqual(new Set(range(0, LANES)));
  expect(clock.pendingTimers).toBe(0);
});
