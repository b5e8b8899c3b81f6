import { expect, it } from 'vitest';
import { StatewayError } from '../../src/core/errors.js';
import { Grant } from '../../src/core/grant.js';
import { Lane } from '../../src/forward/lane.js';
import { Pacing } from '../../src/forward/pacing.js';
import { HeldRecord, WaitingChunk } from '../../src/forward/waiting-chunk.js';
import { RecordView } from '../../src/state/record-layout.js';
import { buildRecord } from '../helpers/records.js';
import { deviceOf } from './harness.js';

const device = deviceOf(1);
const newLane = () => new Lane(device, new Pacing({ requests: 30, windowMs: 15_000 }));
const newGrant = (token: string, expiresAtMs = Number.POSITIVE_INFINITY) => new Grant(token, device, expiresAtMs);
const ended = new StatewayError('STATEWAY_TOKEN_REFUSED', 'ended');

it('uses the newest grant that is good', () => {
  const lane = newLane();
  const [first, second, third] = [newGrant('1'), newGrant('2', 1_000), newGrant('3')];
  for (const grant of [first, second, third]) lane.remember(grant, 0);
  expect(lane.goodGrant(0)).toBe(third);
  third.end(ended);
  expect(lane.goodGrant(999)).toBe(second);
  expect(lane.goodGrant(1_000)).toBe(first);
  lane.remember(newGrant('4'), 0);
  lane.remember(first, 0);
  expect(lane.goodGrant(0)).toBe(first);
});

it('forgets the oldest of many grants', () => {
  const lane = newLane();
  const grants = Array.from({ length: 5 }, (_, n) => newGrant(String(n)));
  for (const grant of grants) lane.remember(grant, 0);
  for (const grant of grants.slice(1)) grant.end(ended);
  expect(lane.goodGrant(0)).toBeUndefined();
});

it('only a good grant that is news ends a wait for one', () => {
  const lane = newLane();
  const known = newGrant('known');
  lane.remember(known, 0);
  const isHeld = (grant: Grant, isGrantAwaited: boolean) => {
    lane.holdBack('parked', 5_000, isGrantAwaited);
    lane.remember(grant, 100);
    return lane.hold === 'parked';
  };
  expect(isHeld(known, true)).toBe(true);
  expect(isHeld(newGrant('expired', 100), true)).toBe(true);
  expect(isHeld(newGrant('fresh'), false)).toBe(true);
  expect(isHeld(newGrant('fresh as well'), true)).toBe(false);
  expect(lane.holdUntilMs).toBe(Number.NEGATIVE_INFINITY);
});

it('takes delivered states off and says what is finished', () => {
  const lane = newLane();
  const held = [3, 2].map((count, index) => {
    const states = Array.from({ length: count }, (_, i) => ({ time: 1e12 + i, data: { i } }));
    const record = new HeldRecord(new RecordView(buildRecord([{ device, states }])), 7 + 2 * index);
    record.openChunks = 1;
    lane.push(new WaitingChunk(record, 0, 0, count));
    return record;
  });
  const finished: HeldRecord[] = [];
  const note = (record: HeldRecord) => finished.push(record);
  expect(lane.deliver(2, 1, note)).toMatchObject({ watermark: { sequence: 7, states: 2 }, finishedSequences: [] });
  expect(lane.deliver(2, 1, note)).toMatchObject({ watermark: { sequence: 9, states: 1 }, finishedSequences: [7] });
  expect(finished).toEqual([held[0]]);
  expect(lane.waitingBytes).toBeGreaterThan(0);
  expect(lane.isEmpty).toBe(false);
  expect(lane.deliver(1, 1, note)).toMatchObject({ watermark: { sequence: 10, states: 0 }, finishedSequences: [9] });
  expect(finished).toEqual(held);
  expect(lane.waitingBytes).toBe(0);
  expect(lane.isEmpty).toBe(true);
});
