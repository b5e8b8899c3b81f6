import { expect, it } from 'vitest';
import { noCorrections } from '../../../src/core/time/timebase.js';
import { MemoryLedger } from '../../../src/forward/lane/memory-ledger.js';
import { packLane, rangesOf } from '../../../src/forward/lane/packing.js';
import { buildRequestBody } from '../../../src/forward/send/request-body.js';
import { chunkOf, deviceOf, newLane } from '../harness.js';

const RULES = {
  coalesce: 'merge',
  windowMs: 500,
  maxBodyBytes: 1e9,
  maxStates: Number.POSITIVE_INFINITY,
  corrections: noCorrections(),
  window: undefined,
  bodyMemory: Buffer.allocUnsafe,
} as const;
const device = deviceOf(1);

/** A lane of many records of a few states, the first of them settled in part. */
function laneOfSmallRecords() {
  const memory = new MemoryLedger();
  const lane = newLane(device, memory);
  let v = 0;
  for (let sequence = 1; sequence <= 40; sequence++) {
    const states = Array.from({ length: 1 + (sequence % 3) }, () => ({ time: 1e12 + v, data: { v: v++ } }));
    lane.push(chunkOf(device, sequence, states, memory));
  }
  lane.take({ piece: undefined, pieceStates: 0, journalStates: 1 }, 0);
  return { lane, memory, states: v - 1 };
}

it('changes nothing of what waits and of what is to be written down', () => {
  const packed = laneOfSmallRecords();
  const plain = laneOfSmallRecords();
  packLane(packed.lane, packed.memory);
  for (const taken of [5, 1, 30]) {
    const bodies = [packed, plain].map(({ lane }) => buildRequestBody(lane.chunks, RULES).bytes.toString());
    expect(bodies[0]).toBe(bodies[1]);
    const settlements = [packed, plain].map(({ lane }) =>
      lane.take({ piece: undefined, pieceStates: 0, journalStates: taken }, 0),
    );
    expect(settlements[0]).toEqual(settlements[1]);
    expect(packed.lane.waitingBytes).toBe(plain.lane.waitingBytes);
  }
});

it('frees most of what small records cost, and all of it with the last state', () => {
  const { lane, memory, states } = laneOfSmallRecords();
  const before = memory.heldBytes;
  packLane(lane, memory);
  expect(memory.heldBytes).toBeLessThan(before / 3);
  expect(memory).toMatchObject({ recordBytes: 0, unpackedBytes: 0 });
  lane.push(chunkOf(device, 41, [{ time: 1e12, data: { last: 1 } }], memory));
  packLane(lane, memory);
  lane.take({ piece: undefined, pieceStates: 0, journalStates: states + 1 }, 0);
  expect(memory).toMatchObject({ heldBytes: 0, unpackedBytes: 0, slackBytes: 0 });
});

it('packs what came since the last time, not everything again', () => {
  const { lane, memory } = laneOfSmallRecords();
  packLane(lane, memory);
  const [first] = lane.chunks;
  const pack = first?.held;
  lane.push(chunkOf(device, 41, [{ time: 1e12, data: { last: 1 } }], memory));
  lane.push(chunkOf(device, 42, [{ time: 1e12 + 1, data: { last: 1 } }], memory));
  packLane(lane, memory);
  expect(first?.held).toBe(pack);
  expect(lane.chunks.at(-1)?.held.isPack).toBe(true);
  expect(lane.chunks.at(-1)?.held).not.toBe(pack);
});

it('takes neighbours in one buffer as one range, up to as many states as asked for', () => {
  const { lane, memory, states } = laneOfSmallRecords();
  expect(rangesOf(lane.chunks)).toHaveLength(40);
  packLane(lane, memory);
  expect(rangesOf(lane.chunks)).toMatchObject([{ firstState: 0, stateCount: states }]);
  expect(rangesOf(lane.chunks, 7)).toMatchObject([{ firstState: 0, stateCount: 7 }]);
});

it('leaves alone what would take more memory packed: one state of each of many devices', () => {
  const memory = new MemoryLedger();
  const lane = newLane(device, memory);
  lane.push(chunkOf(device, 1, [{ time: 1e12, data: { v: 1 } }], memory));
  const before = memory.heldBytes;
  packLane(lane, memory);
  expect(lane.chunks[0]?.held.isPack).toBe(false);
  expect(memory.heldBytes).toBe(before);
});
