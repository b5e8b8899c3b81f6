import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CATCH_UP_MS, REQUEST_OVERHEAD_BYTES, SendBudget } from '../../../src/forward/schedule/send-budget.js';
import { answer, deviceOf, Harness } from '../harness.js';

const RATE = 50_000;

it('without a cap never holds anything back', () => {
  const budget = new SendBudget(undefined);
  for (let n = 0; n < 1_000; n++) budget.spend(1e6, 7);
  expect(budget.earliestStartMs).toBeLessThanOrEqual(7);
  expect(budget.bodyBytes(262_144, 100_000)).toBe(262_144);
});

it('in any time, no more than the rate and one request starts; and no less while enough waits', () => {
  const requests = fc.array(fc.record({ bodyBytes: fc.integer({ min: 1, max: 60_000 }), pauseMs: fc.nat(400) }), {
    minLength: 2,
    maxLength: 80,
  });
  fc.assert(
    fc.property(requests, (list) => {
      const budget = new SendBudget(RATE);
      const starts: { atMs: number; bytes: number }[] = [];
      let nowMs = 0;
      for (const { bodyBytes, pauseMs } of list) {
        nowMs = Math.max(nowMs + (pauseMs > 300 ? pauseMs : 0), budget.earliestStartMs);
        budget.spend(bodyBytes, nowMs);
        starts.push({ atMs: nowMs, bytes: bodyBytes + REQUEST_OVERHEAD_BYTES });
      }
      for (let from = 0; from < starts.length; from++) {
        let before = 0;
        for (let to = from; to < starts.length; to++) {
          const overMs = (starts[to]?.atMs as number) - (starts[from]?.atMs as number);
          expect(before).toBeLessThanOrEqual((RATE * (overMs + CATCH_UP_MS)) / 1_000 + 1);
          before += starts[to]?.bytes as number;
        }
      }
    }),
  );
});

it('uses the rate in full when timers fire late', () => {
  const budget = new SendBudget(RATE);
  let bytes = 0;
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 50) {
    while (budget.earliestStartMs <= nowMs) {
      budget.spend(100, nowMs);
      bytes += 100 + REQUEST_OVERHEAD_BYTES;
    }
  }
  expect(bytes / 10).toBeGreaterThan(0.99 * RATE);
});

it('makes bodies smaller the more lanes wait, within reason', () => {
  const budget = new SendBudget(RATE);
  expect(budget.bodyBytes(262_144, 1)).toBe(262_144);
  expect(budget.bodyBytes(262_144, 50)).toBe(10_000);
  expect(budget.bodyBytes(262_144, 10_000)).toBe(4_096);
  expect(budget.bodyBytes(1_024, 10_000)).toBe(1_024);
});

it('a drain keeps under the cap and is shared among devices', async () => {
  const seconds = 60;
  const harness = new Harness({ uplinkBytesPerSecond: RATE, windowMs: 0 });
  harness.cloud.respond = () => new Promise((resolve) => harness.clock.schedule(20, () => resolve(answer(200))));
  const devices = Array.from({ length: 10 }, (_, n) => deviceOf(n));
  // The first has much more to send than the others.
  for (let n = 0; n < 20; n++) harness.push(devices[0] as never, 3_000);
  for (const device of devices.slice(1)) for (let n = 0; n < 4; n++) harness.push(device, 3_000);
  await harness.clock.advance(seconds * 1_000);
  const bytesOf = (index: number) =>
    harness.cloud.requests
      .filter((request) => request.device.key === devices[index]?.key)
      .reduce((sum, request) => sum + request.body.length + REQUEST_OVERHEAD_BYTES, 0);
  const bytes = devices.map((_, index) => bytesOf(index));
  const total = bytes.reduce((a, b) => a + b);
  expect(total).toBeLessThanOrEqual(RATE * seconds + 262_144);
  expect(total).toBeGreaterThan(0.9 * RATE * seconds);
  expect(Math.max(...bytes) / Math.min(...bytes)).toBeLessThan(1.5);
});

it('a device with little to say has its turn soon during the drain of others', async () => {
  const harness = new Harness({ uplinkBytesPerSecond: RATE, windowMs: 0 });
  for (let n = 0; n < 20; n++) for (let i = 0; i < 10; i++) harness.push(deviceOf(n), 3_000);
  await harness.clock.advance(20_000);
  const late = deviceOf(99);
  harness.push(late);
  await harness.clock.advance(12_000);
  expect(harness.cloud.requests.some((request) => request.device.key === late.key)).toBe(true);
});
