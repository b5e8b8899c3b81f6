import { setImmediate as endOfTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TurnClock } from '../../../src/core/time/turn-clock.js';
import { FakeClock } from '../../helpers/fake-clock.js';

test('stands still within a turn, and is right at the start of the next', async () => {
  const clock = new FakeClock();
  const turnClock = new TurnClock(clock);
  const [wallMs, monotonicMs] = [turnClock.wallMs(), turnClock.monotonicMs()];
  expect([wallMs, monotonicMs]).toEqual([clock.wallMs(), clock.monotonicMs()]);
  clock.jumpWall(7);
  expect(turnClock.wallMs()).toBe(wallMs);
  await endOfTurn();
  expect(turnClock.wallMs()).toBe(wallMs + 7);
});

test('is read afresh after a pause, whichever of the two is asked for first', async () => {
  const clock = new FakeClock();
  const turnClock = new TurnClock(clock);
  for (let turn = 0; turn < 3; turn++) {
    await clock.advance(50);
    await endOfTurn();
    expect(turnClock.monotonicMs()).toBe(clock.monotonicMs());
    expect(turnClock.wallMs()).toBe(clock.wallMs());
  }
});

test('has the timers of the clock it reads', async () => {
  const clock = new FakeClock();
  const turnClock = new TurnClock(clock);
  const fired: string[] = [];
  turnClock.schedule(10, () => fired.push('kept'));
  turnClock.schedule(10, () => fired.push('cancelled'))();
  await clock.advance(10);
  expect(fired).toEqual(['kept']);
});
