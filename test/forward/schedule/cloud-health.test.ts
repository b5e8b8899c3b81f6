import { expect, it } from 'vitest';
import type { CloudTrouble, SendResult } from '../../../src/core/cloud-port.js';
import {
  CloudHealth,
  FAILURES_TO_TRIP,
  LANES_TO_TRIP,
  PROBE_CAP_MS,
} from '../../../src/forward/schedule/cloud-health.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { answer, LOST, REFUSED } from '../harness.js';

/** A breaker with what it tells, and results of lanes by number. */
function watched(random = () => 1) {
  const clock = new FakeClock();
  const changes: boolean[] = [];
  const health = new CloudHealth({ clock, random, onChange: (isUp) => changes.push(isUp) });
  const end = (lane: number, result: SendResult) => health.record(String(lane), health.start(), result);
  return { clock, changes, health, end };
}

/** Down, by failures of as many lanes. */
function tripped(random = () => 1) {
  const all = watched(random);
  for (let lane = 0; lane < FAILURES_TO_TRIP; lane++) all.end(lane, answer(503));
  return all;
}

it('does not know the cloud before the first answer, and tells of no change then', () => {
  const { clock, changes, health, end } = watched();
  expect([health.isUp, health.sinceWallMs]).toEqual([true, undefined]);
  end(1, answer(429));
  expect(health.sinceWallMs).toBe(clock.wallMs());
  expect(changes).toEqual([]);
});

it.each([answer(500), answer(503), LOST, REFUSED])('goes down by failures in a row of several lanes', (result) => {
  const { clock, changes, health, end } = watched();
  for (let lane = 1; lane < FAILURES_TO_TRIP; lane++) end(lane, result);
  expect(health.isUp).toBe(true);
  end(0, result);
  expect(health.isUp).toBe(false);
  expect(health.sinceWallMs).toBe(clock.wallMs());
  expect(changes).toEqual([false]);
});

it.each([200, 400, 401, 404, 429, 302])('%i is a sign of life: failures before it do not count', (status) => {
  const { health, end } = watched();
  for (let round = 0; round < 10; round++) {
    for (let lane = 1; lane < FAILURES_TO_TRIP; lane++) end(lane, LOST);
    end(0, answer(status));
  }
  expect(health.isUp).toBe(true);
});

it("a 429 of a balancer's says nothing: it neither ends an outage nor counts as a failure", () => {
  const throttled = { ...answer(429), isCloudsOwn: false } as SendResult;
  const { health, end } = watched();
  for (let lane = 0; lane < 100; lane++) end(lane, throttled);
  expect([health.isUp, health.isKnown]).toEqual([true, false]);
  const down = tripped();
  down.end(1, throttled);
  expect(down.health.isUp).toBe(false);
});

it('says what the last failure was when the cloud goes down', () => {
  const told: (CloudTrouble | undefined)[] = [];
  const health = new CloudHealth({
    clock: new FakeClock(),
    random: () => 1,
    onChange: (_isUp, trouble) => told.push(trouble),
  });
  const page: SendResult = {
    kind: 'failure',
    mayArriveLater: true,
    openMs: 0,
    reason: 'not_the_cloud',
    words: 'a page',
  };
  for (let n = 0; n < FAILURES_TO_TRIP; n++) health.record(String(n), health.start(), page);
  health.record('1', health.start(), answer(200));
  expect(told).toEqual([expect.objectContaining({ reason: 'not_the_cloud', words: 'a page' }), undefined]);
});

it('stays up when one device, or one less than it takes, upsets the cloud', () => {
  const { health, end } = watched();
  for (let n = 0; n < 100; n++) end(n % (LANES_TO_TRIP - 1), answer(500));
  expect(health.isUp).toBe(true);
});

it('goes down for a plant of one device when nothing answers', () => {
  const { health, end } = watched();
  for (let n = 0; n < FAILURES_TO_TRIP; n++) end(1, REFUSED);
  expect(health.isUp).toBe(false);
});

it('lets one probe out at a time, further apart each time up to a cap', () => {
  const { clock, health } = tripped();
  const gaps: number[] = [];
  for (let probe = 0; probe < 7; probe++) {
    gaps.push(health.earliestStartMs - clock.monotonicMs());
    const isProbe = health.start();
    expect(isProbe).toBe(true);
    expect(health.earliestStartMs).toBe(Number.POSITIVE_INFINITY);
    health.record('9', isProbe, LOST);
  }
  expect(gaps).toEqual([1_000, 2_000, 4_000, 8_000, PROBE_CAP_MS, PROBE_CAP_MS, PROBE_CAP_MS]);
});

it('draws half of each gap', () => {
  const { clock, health } = tripped(() => 0);
  expect(health.earliestStartMs - clock.monotonicMs()).toBe(500);
});

it('requests that were out before it went down neither postpone the probe nor end it', () => {
  const { health } = tripped();
  const nextProbeMs = health.earliestStartMs;
  for (let n = 0; n < 100; n++) health.record(String(n), false, LOST);
  expect(health.earliestStartMs).toBe(nextProbeMs);
  health.start();
  health.record('7', false, LOST);
  expect(health.earliestStartMs).toBe(Number.POSITIVE_INFINITY);
});

it('is up again with the first sign of life, whosever it is, and starts over', async () => {
  const { clock, changes, health, end } = tripped();
  await clock.advance(5_000);
  health.record('3', false, answer(200));
  expect(health.isUp).toBe(true);
  expect(health.sinceWallMs).toBe(clock.wallMs());
  expect(health.earliestStartMs).toBe(Number.NEGATIVE_INFINITY);
  for (let lane = 0; lane < FAILURES_TO_TRIP; lane++) end(lane, LOST);
  expect(health.earliestStartMs - clock.monotonicMs()).toBe(1_000);
  expect(changes).toEqual([false, true, false]);
});
