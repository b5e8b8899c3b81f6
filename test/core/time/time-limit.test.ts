import { expect, it } from 'vitest';
import type { Clock } from '../../../src/core/time/clock.js';
import { TimeLimit } from '../../../src/core/time/time-limit.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const LIMIT_MS = 15_000;

/** A clock whose timers fire when the test says so, as late as it likes. */
class LateClock implements Clock {
  nowMs = 0;
  readonly timers: { readonly atMs: number; readonly task: () => void }[] = [];

  wallMs(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  schedule(delayMs: number, task: () => void): () => void {
    this.timers.push({ atMs: this.nowMs + delayMs, task });
    return () => {};
  }

  /** Fires the only timer so much later than it was due. */
  fire(lateMs: number): void {
    const [timer] = this.timers.splice(0);
    this.nowMs = (timer?.atMs ?? this.nowMs) + lateMs;
    timer?.task();
  }
}

function limited(clock: Clock): { readonly limit: TimeLimit; readonly isOver: () => boolean } {
  let isOver = false;
  const limit = new TimeLimit(clock, LIMIT_MS, () => {
    isOver = true;
  });
  return { limit, isOver: () => isOver };
}

const afterTheSockets = () => new Promise((resolve) => setImmediate(resolve));

it('is over after its time, and not before', async () => {
  const clock = new FakeClock();
  const { isOver } = limited(clock);
  await clock.advance(LIMIT_MS - 1);
  expect(isOver()).toBe(false);
  await clock.advance(1);
  expect(isOver()).toBe(true);
});

it('lets the sockets be read before it is over', async () => {
  const clock = new LateClock();
  const { limit, isOver } = limited(clock);
  clock.fire(20);
  expect(isOver()).toBe(false);
  // An answer was among what was read.
  limit.cancel();
  await afterTheSockets();
  expect(isOver()).toBe(false);
});

it('that fires late goes on for as long', async () => {
  const clock = new LateClock();
  const { isOver } = limited(clock);
  clock.fire(5_000);
  await afterTheSockets();
  expect(isOver()).toBe(false);
  expect(clock.timers.map(({ atMs }) => atMs)).toEqual([LIMIT_MS + 5_000 + 5_000]);
  clock.fire(1);
  await afterTheSockets();
  expect(isOver()).toBe(true);
});

it('is over in the end, however often and however long the process sleeps', async () => {
  const clock = new LateClock();
  const { isOver } = limited(clock);
  for (let sleeps = 0; sleeps < 100 && clock.timers.length > 0; sleeps++) clock.fire(3_600_000);
  await afterTheSockets();
  expect(isOver()).toBe(true);
});

it('that is cancelled is never over', async () => {
  const clock = new FakeClock();
  const { limit, isOver } = limited(clock);
  limit.cancel();
  await clock.advance(10 * LIMIT_MS);
  expect(isOver()).toBe(false);
  expect(clock.pendingTimers).toBe(0);
});
