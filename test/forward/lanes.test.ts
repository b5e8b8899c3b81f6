import { expect, it } from 'vitest';
import { MAX_BYTES_IN_FLIGHT } from '../../src/core/bounds.js';
import { CLOCK_MARGIN_MS } from '../../src/forward/lane/pacing.js';
import { MAX_REQUESTS_IN_FLIGHT } from '../../src/forward/lanes.js';
import { REQUESTS_AT_FIRST } from '../../src/forward/schedule/cloud-health.js';
import { STARTS_TOGETHER } from '../../src/forward/schedule/start-pace.js';
import { buildRecord } from '../helpers/records.js';
import { answer, deviceOf, Harness, mostInWindow, range } from './harness.js';

const device = deviceOf(1);
const RATE_HELD_MS = 15_000 + CLOCK_MARGIN_MS;

it('sends the first state after a quiet time at once, and gathers those that follow for the window', async () => {
  const { clock, cloud, lanes, push } = bound(new Harness());
  push(device);
  expect(cloud.values).toEqual([0]);
  await clock.advance(100);
  push(device);
  await clock.advance(100);
  push(device, 3);
  await clock.advance(299);
  expect(cloud.requests).toHaveLength(1);
  expect(lanes.lanes()).toEqual({ idle: 0, pacing: 1, backoff: 0, parked: 0 });
  await clock.advance(1);
  expect(cloud.requests.map((request) => request.values)).toEqual([[0], [1, 2, 3, 4]]);
  await clock.advance(500);
  push(device);
  expect(cloud.sentAtMs).toEqual([0, 500, 1_000]);
});

it('sends the body of contract 1.5 with the token of the grant', async () => {
  const { cloud, push } = bound(new Harness());
  push(device, 2);
  expect(cloud.requests[0]?.body).toBe('[{"time":1767225600000,"data":{"v":0}},{"time":1767225600001,"data":{"v":1}}]');
  expect(cloud.requests[0]?.token).toBe('token-01');
  expect(cloud.requests[0]?.device.key).toBe(device.key);
});

it('does not wait for the window when a full body waits', async () => {
  const { clock, cloud, push } = bound(new Harness({ maxBodyBytes: 400 }));
  push(device);
  await clock.advance(10);
  push(device, 5);
  await clock.advance(10);
  expect(cloud.requests).toHaveLength(1);
  push(device, 10);
  await clock.advance(0);
  expect(cloud.sentAtMs).toEqual([0, 20]);
  await clock.advance(500);
  expect(cloud.values).toEqual(range(0, 16));
  expect(cloud.requests.every((request) => request.body.length <= 400)).toBe(true);
});

it('has one request of a device in flight and keeps its order', async () => {
  const harness = new Harness();
  const { clock, cloud, push } = bound(harness);
  cloud.respond = () => new Promise((resolve) => clock.schedule(1_700, () => resolve(answer(200))));
  for (let round = 0; round < 100; round++) {
    push(device, 1 + (round % 3));
    await clock.advance(97);
  }
  await clock.advance(10_000);
  expect(cloud.mostInFlight).toBe(1);
  expect(cloud.values).toEqual(range(0, 199));
  expect(harness.meters.forwarded).toBe(199);
});

it('30 in 15 s: uses the limit, and never exceeds it', async () => {
  const { clock, cloud, push } = bound(new Harness({ windowMs: 100 }));
  for (let round = 0; round < 600; round++) {
    push(device);
    await clock.advance(100);
  }
  expect(mostInWindow(cloud.sentAtMs, 15_000)).toBe(30);
  expect(cloud.requests.length).toBeGreaterThanOrEqual(4 * 30 - 1);
  expect(cloud.requests[30]?.atMs).toBe(RATE_HELD_MS);
});

it('one waiting device does not delay another', async () => {
  const { clock, cloud, push } = bound(new Harness());
  const other = deviceOf(2);
  cloud.respond = (request) => (request.device.key === device.key ? answer(429) : answer(200));
  push(device);
  await clock.advance(0);
  for (let round = 0; round < 10; round++) {
    push(device);
    push(other);
    await clock.advance(500);
  }
  const toOther = cloud.requests.filter((request) => request.device.key === other.key);
  expect(toOther.map((request) => request.atMs)).toEqual(range(0, 10).map((n) => n * 500));
});

it('has a bounded number of requests in flight and serves the rest in turn', async () => {
  const { clock, cloud, push } = bound(new Harness());
  push(deviceOf(0));
  await clock.advance(0);
  const answers: (() => void)[] = [];
  cloud.respond = () => new Promise((resolve) => answers.push(() => resolve(answer(200))));
  for (let n = 1; n < MAX_REQUESTS_IN_FLIGHT + 50; n++) push(deviceOf(n));
  await clock.advance(500);
  expect(cloud.inFlight).toBe(MAX_REQUESTS_IN_FLIGHT);
  for (let next = answers.shift(); next !== undefined; next = answers.shift()) {
    next();
    await clock.advance(1);
  }
  expect(cloud.mostInFlight).toBe(MAX_REQUESTS_IN_FLIGHT);
  expect(cloud.values).toEqual(range(0, MAX_REQUESTS_IN_FLIGHT + 50));
});

it('has a bounded number of bytes in flight', async () => {
  const { clock, cloud, push } = bound(new Harness());
  push(deviceOf(0));
  await clock.advance(0);
  const answers: (() => void)[] = [];
  cloud.respond = () => new Promise((resolve) => answers.push(() => resolve(answer(200))));
  for (let n = 1; n <= 55; n++) push(deviceOf(n), 7_000);
  await clock.advance(500);
  const inFlight = cloud.requests.slice(1);
  const bytes = inFlight.map(({ body }) => body.length);
  const total = bytes.reduce((a, b) => a + b);
  expect(total).toBeGreaterThanOrEqual(MAX_BYTES_IN_FLIGHT);
  expect(total - (bytes.at(-1) as number)).toBeLessThan(MAX_BYTES_IN_FLIGHT);
  expect(inFlight.length).toBeLessThan(55);
  answers.shift()?.();
  await clock.advance(1);
  expect(cloud.requests.length).toBe(1 + inFlight.length + 1);
  for (let next = answers.shift(); next !== undefined; next = answers.shift()) {
    next();
    await clock.advance(500);
  }
  expect(cloud.values).toHaveLength(1 + 55 * 7_000);
});

it('has few requests in flight until the cloud has answered for the first time', async () => {
  const { clock, cloud, push } = bound(new Harness());
  const answers: (() => void)[] = [];
  cloud.respond = () => new Promise((resolve) => answers.push(() => resolve(answer(200))));
  for (let n = 0; n < 50; n++) push(deviceOf(n));
  expect(cloud.inFlight).toBe(REQUESTS_AT_FIRST);
  answers.shift()?.();
  await clock.advance(50);
  expect(cloud.inFlight).toBe(49);
});

it('spreads devices that begin together over a window, and leaves them spread', async () => {
  const { clock, cloud, push } = bound(new Harness());
  push(deviceOf(0));
  await clock.advance(100);
  const first = clock.monotonicMs();
  for (let n = 1; n <= 1_000; n++) push(deviceOf(n));
  await clock.advance(450);
  const starts = cloud.sentAtMs.slice(1).map((atMs) => atMs - first);
  expect(starts).toHaveLength(1_000);
  expect(starts.filter((ms) => ms === 0)).toHaveLength(STARTS_TOGETHER);
  expect(starts.at(-1)).toBeGreaterThan(350);
  for (let n = 1; n <= 1_000; n++) push(deviceOf(n));
  await clock.advance(500);
  const perTenMs = new Map<number, number>();
  for (const atMs of cloud.sentAtMs.slice(1_001)) {
    perTenMs.set(Math.floor(atMs / 10), (perTenMs.get(Math.floor(atMs / 10)) ?? 0) + 1);
  }
  expect([...perTenMs.values()].reduce((sum, count) => sum + count)).toBe(1_000);
  expect(Math.max(...perTenMs.values())).toBeLessThanOrEqual(2 * STARTS_TOGETHER);
});

it('serves every device of a record', async () => {
  const { clock, cloud, spool } = bound(new Harness());
  const harness = new Harness();
  const devices = [deviceOf(1), deviceOf(2), deviceOf(3)];
  const chunks = devices.map((one) => ({ device: one, states: [harness.nextState(), harness.nextState()] }));
  const grants = devices.map((one) => harness.grantOf(one));
  spool.deliver(1, buildRecord(chunks), grants);
  await clock.advance(0);
  expect(cloud.requests.map((request) => [request.token, request.values])).toEqual([
    ['token-01', [0, 1]],
    ['token-02', [2, 3]],
    ['token-03', [4, 5]],
  ]);
});

it('holds a record in memory until the last of its devices is settled', async () => {
  const { clock, cloud, lanes, spool } = bound(new Harness());
  const source = new Harness();
  const [one, two] = [deviceOf(1), deviceOf(2)];
  cloud.respond = (request) => (request.device.key === one.key ? answer(200) : answer(503));
  const record = buildRecord([one, two].map((each) => ({ device: each, states: [source.nextState()] })));
  spool.deliver(1, record, [source.grantOf(one), source.grantOf(two)]);
  await clock.advance(0);
  expect(lanes.heldBytes()).toBeGreaterThanOrEqual(record.byteLength);
  cloud.respond = () => answer(200);
  await clock.advance(60_000);
  expect(lanes.heldBytes()).toBe(0);
});

it('drops a lane when nothing waits and its pacing is over, and leaves no timer then', async () => {
  const { clock, lanes, push } = bound(new Harness());
  for (let n = 0; n < STARTS_TOGETHER; n++) push(deviceOf(n));
  await clock.advance(0);
  await clock.advance(RATE_HELD_MS - 1);
  expect(lanes.lanes().idle).toBe(STARTS_TOGETHER);
  await clock.advance(1);
  expect(lanes.lanes()).toEqual({ idle: 0, pacing: 0, backoff: 0, parked: 0 });
  expect(clock.pendingTimers).toBe(0);
});

it('has one timer for all lanes', async () => {
  const { clock, push } = bound(new Harness());
  for (let n = 0; n < 200; n++) {
    push(deviceOf(n));
    push(deviceOf(n));
    await clock.advance(1);
  }
  expect(clock.pendingTimers).toBe(1);
});

it('merges states of equal time in one body, and only those', async () => {
  const { clock, cloud, push, spool } = bound(new Harness());
  push(device);
  const harness = new Harness();
  const states = [
    { time: 1_767_225_700_000, data: { a: 1, b: 1 } },
    { time: 1_767_225_700_001, data: { a: 2 } },
    { time: 1_767_225_700_000, data: { b: 3, c: 3 } },
  ];
  spool.deliver(50, buildRecord([{ device, states }]), [harness.grantOf(device)]);
  await clock.advance(500);
  expect(cloud.requests[1]?.states).toEqual([
    { time: 1_767_225_700_000, data: { a: 1, b: 3, c: 3 } },
    { time: 1_767_225_700_001, data: { a: 2 } },
  ]);
});

it('latest: one state per window with the last value of each attribute', async () => {
  const harness = new Harness({ coalesce: 'latest' });
  const { clock, cloud, push, spool } = bound(harness);
  push(device);
  await clock.advance(1);
  push(device, 3);
  await clock.advance(499);
  expect(cloud.requests.map((request) => request.states)).toEqual([
    [{ time: 1_767_225_600_000, data: { v: 0 } }],
    [{ time: 1_767_225_600_003, data: { v: 3 } }],
  ]);
  expect(spool.settlements.map((settlement) => settlement.states)).toEqual([1, 3]);
  expect(harness.meters.forwarded).toBe(4);
  expect(harness.meters.upstreamBatchStates.sum).toBe(2);
});

it('counts requests by status, their time and their states', async () => {
  const harness = new Harness();
  const { clock, cloud, meters, push } = bound(harness);
  cloud.respond = (_request, number) =>
    new Promise((resolve) => clock.schedule(250, () => resolve(answer(number === 0 ? 503 : 200))));
  push(device, 4);
  await clock.advance(5_000);
  expect(Object.fromEntries(meters.upstreamRequests)).toEqual({ 503: 1, 200: 1 });
  expect(meters.upstreamSeconds.sum).toBe(0.5);
  expect(meters.upstreamBatchStates.sum).toBe(8);
  expect(meters.forwarded).toBe(4);
});

/** The parts of a harness by name, with `push` bound. */
function bound(harness: Harness) {
  const { clock, cloud, spool, meters, lanes, parked } = harness;
  return { clock, cloud, spool, meters, lanes, parked, push: harness.push.bind(harness) };
}
