import { expect, it } from 'vitest';
import { FleetTally, OutgoingState } from '../../src/simulator/fleet-tally.js';

it('gives percentiles by nearest rank, and 0 where there is nothing', () => {
  const tally = new FleetTally();
  expect(tally.ackPercentilesMs([0.5, 0.99])).toEqual([0, 0]);
  const nowMs = performance.now();
  for (let n = 1; n <= 100; n++) tally.acknowledge(new OutgoingState(n, undefined, '', nowMs - n * 1_000));
  const [p50 = 0, p99 = 0, max = 0] = tally.ackPercentilesMs([0.5, 0.99, 1]).map((ms) => Math.round(ms / 1_000));
  expect([p50, p99, max]).toEqual([50, 99, 100]);
});

it('counts every state sent as outstanding until it is settled one way or another', () => {
  const tally = new FleetTally();
  const states = [0, 1, 2, 3, 4].map((reading) => new OutgoingState(reading, undefined, '{}', 0));
  tally.sent = 5;
  expect(tally.outstanding).toBe(5);
  tally.acknowledge(states[0] as OutgoingState);
  tally.refuse(states[1] as OutgoingState, 'no');
  tally.giveUp(states[2] as OutgoingState);
  tally.leaveUnconfirmed(states[3] as OutgoingState);
  expect(tally.outstanding).toBe(1);
  expect(states.map(({ acknowledged }) => acknowledged)).toEqual([true, false, false, false, false]);
});
