import { expect, it } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { Grant } from '../../../src/core/grant.js';
import { MAX_UNRECORDED_SENDS } from '../../../src/forward/lane/lane.js';
import { MemoryLedger } from '../../../src/forward/lane/memory-ledger.js';
import type { Taken } from '../../../src/forward/lane/waiting-chunk.js';
import type { TestState } from '../../helpers/records.js';
import { chunkOf, deviceOf, newLane } from '../harness.js';

const device = deviceOf(1);
const newGrant = (token: string, expiresAtMs = Number.POSITIVE_INFINITY) => new Grant(token, device, expiresAtMs);
const ended = new StatewayError('STATEWAY_TOKEN_REFUSED', 'ended');

it('uses the newest grant that is good', () => {
  const lane = newLane(device);
  const [first, second, third] = [newGrant('1'), newGrant('2', 1_000), newGrant('3')];
  for (const grant of [first, second, third]) lane.remember(grant);
  expect(lane.grants.at(0)).toBe(third);
  third.end(ended);
  expect(lane.grants.at(999)).toBe(second);
  expect(lane.grants.at(1_000)).toBe(first);
  lane.remember(newGrant('4'));
  lane.remember(first);
  expect(lane.grants.at(0)).toBe(first);
});

it('uses one that is over by the clock where there is no other, the newest first, until it has ended', () => {
  const lane = newLane(device);
  const [older, newer] = [newGrant('1', 1_000), newGrant('2', 2_000)];
  for (const grant of [older, newer]) lane.remember(grant);
  expect(lane.grants.at(5_000)).toBe(newer);
  newer.end(ended);
  expect(lane.grants.at(5_000)).toBe(older);
  older.end(ended);
  expect(lane.grants.at(5_000)).toBeUndefined();
});

it('forgets the oldest of many grants', () => {
  const lane = newLane(device);
  const grants = Array.from({ length: 5 }, (_, n) => newGrant(String(n)));
  for (const grant of grants) lane.remember(grant);
  for (const grant of grants.slice(1)) grant.end(ended);
  expect(lane.grants.at(0)).toBeUndefined();
});

it('only a grant that is news and has not ended ends a wait for one', () => {
  const lane = newLane(device);
  const known = newGrant('known');
  lane.remember(known);
  const isHeld = (grant: Grant, isGrantAwaited: boolean) => {
    lane.park('refused', 0, 5_000, isGrantAwaited);
    lane.remember(grant);
    return lane.hold === 'parked';
  };
  expect(isHeld(known, true)).toBe(true);
  const over = newGrant('ended');
  over.end(ended);
  expect(isHeld(over, true)).toBe(true);
  expect(isHeld(newGrant('fresh'), false)).toBe(true);
  expect(isHeld(newGrant('fresh as well'), true)).toBe(false);
  expect(isHeld(newGrant('over by the clock', 1), true)).toBe(false);
  expect(lane.holdUntilMs).toBe(Number.NEGATIVE_INFINITY);
});

it('is idle, paced, backing off or parked, and waits the longer the more often it fails', () => {
  const memory = new MemoryLedger();
  const lane = newLane(device, memory);
  expect(lane.state).toBe('idle');
  lane.push(chunkOf(device, 7, statesOf(1), memory));
  expect([lane.state, lane.holdUntilMs]).toEqual(['pacing', Number.NEGATIVE_INFINITY]);
  lane.backOff('no answer', 100, 1);
  expect([lane.state, lane.failures, lane.holdUntilMs]).toEqual(['backoff', 1, 1_100]);
  lane.backOff('no answer', 1_100, 1);
  expect([lane.failures, lane.holdUntilMs]).toEqual([2, 3_100]);
  expect(lane.trouble).toEqual({ kind: 'failing', reason: 'no answer', sinceMs: 100 });
  lane.backOff('no answer', 3_100, 1, 1);
  expect([lane.failures, lane.holdUntilMs]).toEqual([3, 4_100]);
  lane.throttle('too often', 4_100, 9_000);
  expect([lane.state, lane.failures, lane.holdUntilMs, lane.trouble?.kind]).toEqual(['backoff', 3, 9_000, 'throttled']);
  lane.park('no such device', 9_000, Number.POSITIVE_INFINITY, true);
  expect([lane.state, lane.holdUntilMs]).toEqual(['parked', Number.POSITIVE_INFINITY]);
  lane.comeBack(9_500);
  expect([lane.state, lane.failures, lane.holdUntilMs]).toEqual(['backoff', 0, 9_500]);
  lane.release();
  expect(lane.state).toBe('pacing');
});

it('stays parked for what it is parked for, whatever fails meanwhile, and says once that people were told', () => {
  const lane = newLane(device);
  lane.park('no such device', 100, 5_000, false);
  lane.backOff('no answer', 5_000, 1);
  expect(lane.trouble).toEqual({ kind: 'parked', reason: 'no such device', sinceMs: 100 });
  expect([lane.faults?.report(200), lane.faults?.report(300)]).toEqual([true, false]);
  expect([lane.faults?.endTrouble(), lane.faults?.endTrouble()]).toEqual([200, undefined]);
  expect(lane.trouble).toBeUndefined();
});

it('has to settle what is not written down, and after so many requests how many they were', () => {
  const lane = newLane(device);
  for (let sent = 1; sent < MAX_UNRECORDED_SENDS; sent++) lane.sending(0, 500);
  expect(lane.mustSettle).toBe(false);
  lane.sending(10, 500);
  expect([lane.mustSettle, lane.windowEndsMs]).toEqual([true, 510]);
  lane.settled();
  expect(lane.mustSettle).toBe(false);
  const settlement = lane.take(journal(0), 0, undefined, [3]);
  expect([lane.mustSettle, lane.isEmpty, lane.unsettled]).toEqual([true, false, settlement]);
  expect(settlement.liftedLetters).toEqual([3]);
});

it('takes states of the journal off and says what is finished', () => {
  const memory = new MemoryLedger();
  const lane = newLane(device, memory);
  for (const [count, sequence] of [
    [3, 7],
    [2, 9],
  ] as const) {
    lane.push(chunkOf(device, sequence, statesOf(count), memory));
  }
  expect(memory.heldBytes).toBeGreaterThan(0);
  expect(lane.take(journal(2), 1)).toMatchObject({ watermark: { sequence: 7, states: 2 }, finishedSequences: [] });
  expect(lane.take(journal(2), 1)).toMatchObject({ watermark: { sequence: 9, states: 1 }, finishedSequences: [7] });
  expect(lane.waitingBytes).toBeGreaterThan(0);
  expect(lane.isEmpty).toBe(false);
  expect(lane.take(journal(1), 1)).toEqual({
    device,
    watermark: { sequence: 10, states: 0 },
    finishedSequences: [9],
    states: 1,
    sends: { count: 0, windowMs: 15_000, untilMs: 1 },
  });
  expect(lane.waitingBytes).toBe(0);
  lane.settled();
  expect(lane.isEmpty).toBe(true);
  expect(memory).toMatchObject({ heldBytes: 0, unpackedBytes: 0, slackBytes: 0 });
});

it('takes states of the backlog off without moving in the journal', () => {
  const memory = new MemoryLedger();
  const lane = newLane(device, memory);
  lane.push(chunkOf(device, 7, statesOf(3), memory));
  lane.addBacklog(10, -5);
  const piece = { sequence: 40, settledStates: 2, stateCount: 8 };
  expect(lane.take({ piece, pieceStates: 4, journalStates: 0 }, 3)).toEqual({
    device,
    watermark: { sequence: 1, states: 0 },
    finishedSequences: [],
    states: 4,
    sends: { count: 0, windowMs: 15_000, untilMs: 3 },
    backlog: { sequence: 40, settledStates: 6, finished: false },
  });
  expect(lane.sinceMs).toBe(-5);
  const rest = { piece: { ...piece, settledStates: 6 }, pieceStates: 2, journalStates: 1 };
  expect(lane.take(rest, 3)).toMatchObject({
    watermark: { sequence: 7, states: 1 },
    states: 3,
    backlog: { sequence: 40, settledStates: 8, finished: true },
  });
  lane.backlog.settle(4);
  expect(lane.sinceMs).toBe(0);
});

it('a spill frees the journal of the lane once it is on disk', () => {
  const memory = new MemoryLedger();
  const lane = newLane(device, memory);
  for (const sequence of [7, 8, 9]) lane.push(chunkOf(device, sequence, statesOf(2), memory));
  lane.take(journal(1), 0);
  const spill = lane.spillOf(3, new Uint8Array(1));
  expect(spill).toMatchObject({ watermark: { sequence: 9, states: 0 }, finishedSequences: [7, 8] });
  expect(lane.chunks).toHaveLength(3);
  lane.spilled(spill, 3);
  expect(lane.chunks).toHaveLength(1);
  expect(lane.backlog.states).toBe(3);
  expect(
    lane.take({ piece: { sequence: 1, settledStates: 0, stateCount: 3 }, pieceStates: 1, journalStates: 0 }, 0),
  ).toMatchObject({ watermark: { sequence: 9, states: 0 } });
});

function statesOf(count: number): TestState[] {
  return Array.from({ length: count }, (_, i) => ({ time: 1e12 + i, data: { i } }));
}

function journal(states: number): Taken {
  return { piece: undefined, pieceStates: 0, journalStates: states };
}
