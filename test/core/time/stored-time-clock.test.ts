import { expect, it } from 'vitest';
import { StoredTimeClock } from '../../../src/core/time/stored-time-clock.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const RETENTION_MS = 30 * DAY_MS;

/** One some time into a run, so that start and now are different. */
async function later(byMs = 5 * HOUR_MS) {
  const clock = new FakeClock();
  await clock.advance(12_345);
  const startWallMs = clock.wallMs();
  const storedTime = new StoredTimeClock(clock, RETENTION_MS, startWallMs - clock.monotonicMs());
  await clock.advance(byMs);
  const ageOf = (storedAtMs: number) => clock.monotonicMs() - storedTime.sinceMs(storedAtMs);
  return { clock, storedTime, startWallMs, ageOf };
}

it('what was stored before the start is as old as the stamps say', async () => {
  const { startWallMs, ageOf } = await later();
  for (const beforeMs of [0, 1, HOUR_MS, RETENTION_MS, 2 * RETENTION_MS]) {
    expect(ageOf(startWallMs - beforeMs)).toBe(5 * HOUR_MS + beforeMs);
  }
});

it('what was stored in this run is as old as the monotonic clock says, wherever the wall clock went', async () => {
  const { clock, storedTime, ageOf } = await later();
  const sinceMs = clock.monotonicMs() - HOUR_MS;
  const storedAtMs = storedTime.storedAtMs(sinceMs);
  for (const jumpMs of [HOUR_MS, -HOUR_MS, 3_650 * DAY_MS, -7_300 * DAY_MS]) {
    clock.jumpWall(jumpMs);
    expect(storedTime.sinceMs(storedAtMs)).toBe(sinceMs);
    expect(storedTime.storedAtMs(sinceMs)).toBe(storedAtMs);
  }
  await clock.advance(HOUR_MS);
  expect(ageOf(storedAtMs)).toBe(2 * HOUR_MS);
});

it.each([
  ['of 1970', -20_000 * DAY_MS],
  ['of ten years ago', -3_650 * DAY_MS],
  ['of an hour from now', 6 * HOUR_MS],
  ['of in ten years', 3_650 * DAY_MS],
])('a stamp %s cannot be right: the age counts from the start', async (_name, offsetMs) => {
  const { startWallMs, ageOf } = await later();
  expect(ageOf(startWallMs + offsetMs)).toBe(5 * HOUR_MS);
});

it('what an earlier run of this boot stored is as old as the monotonic clock says, wherever the wall clock went', async () => {
  const { clock, storedTime, startWallMs } = await later();
  const storedAtMs = storedTime.nowMs();
  clock.jumpWall(-3_650 * DAY_MS);
  await clock.advance(HOUR_MS);
  const next = new StoredTimeClock(clock, RETENTION_MS, startWallMs - 12_345);
  expect(clock.monotonicMs() - next.sinceMs(storedAtMs)).toBe(HOUR_MS);
});
