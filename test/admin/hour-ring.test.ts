import { expect, it } from 'vitest';
import { HourRing, MAX_POINTS, STEP_MS } from '../../src/admin/hour-ring.js';
import { Meters } from '../../src/core/metering/meters.js';
import { FakeClock } from '../helpers/fake-clock.js';

const START_SECONDS = Date.UTC(2026, 0, 1) / 1_000;

function newRing() {
  const clock = new FakeClock();
  const meters = new Meters();
  const ring = new HourRing(clock, meters);
  const step = async () => {
    await clock.advance(STEP_MS);
    ring.step();
  };
  return { clock, meters, ring, step };
}

it('has a point for each step, with the rates over it', async () => {
  const { meters, ring, step } = newRing();
  meters.received.http.accepted = 20;
  meters.received.websocket.accepted = 30;
  meters.forwarded = 11;
  Object.assign(meters.received.http, { refused: 1, unavailable: 2 });
  Object.assign(meters.received.websocket, { refused: 3, unavailable: 4 });
  await step();
  meters.forwarded = 1_011;
  await step();
  expect(ring.rates()).toEqual({
    stepSeconds: 10,
    endedAt: [START_SECONDS + 10, START_SECONDS + 20],
    received: [5, 0],
    forwarded: [1.1, 100],
    refused: [1, 0],
  });
});

it('divides by the time that has passed, where a step came late', async () => {
  const { clock, meters, ring, step } = newRing();
  meters.forwarded = 100;
  await clock.advance(STEP_MS);
  await step();
  expect(ring.rates().forwarded).toEqual([5]);
});

it('keeps an hour, and no more', async () => {
  const { meters, ring, step } = newRing();
  for (let n = 1; n <= MAX_POINTS + 3; n++) {
    meters.forwarded += n * 10;
    await step();
  }
  const { endedAt, forwarded } = ring.rates();
  expect([endedAt.length, forwarded[0], forwarded.at(-1)]).toEqual([360, 4, 363]);
  expect((endedAt.at(-1) as number) - (endedAt[0] as number)).toBe(3_590);
});

it('takes the rates of now over five seconds at least', async () => {
  const { clock, meters, ring, step } = newRing();
  expect(ring.now()).toEqual({ received: 0, forwarded: 0, refused: 0 });
  await step();
  meters.forwarded = 60;
  await clock.advance(4_000);
  // Over the step before as well: 14 seconds.
  expect(ring.now().forwarded).toBe(4.3);
  await clock.advance(1_000);
  expect(ring.now().forwarded).toBe(12);
});
