import { beforeEach, expect, it } from 'vitest';
import { REUSED_FROM_BYTES, RecordMemory } from '../../src/core/record-memory.js';
import { MemoryLedger } from '../../src/forward/lane/memory-ledger.js';
import { packLane } from '../../src/forward/lane/packing.js';
import { JournalRecord, WaitingChunk } from '../../src/forward/lane/waiting-chunk.js';
import { RecordView } from '../../src/state/record-layout.js';
import { buildRecord } from '../helpers/records.js';
import { deviceOf, newLane } from './harness.js';

const NOTE = 'x'.repeat(REUSED_FROM_BYTES);

let recordMemory: RecordMemory;
let memory: MemoryLedger;

beforeEach(() => {
  recordMemory = new RecordMemory();
  memory = new MemoryLedger(recordMemory);
});

/** Lanes of two devices, each with one state of one record. */
function lanesOfOneRecord(isReusable: boolean) {
  const devices = [deviceOf(1), deviceOf(2)];
  const states = [{ time: 1e12, data: { note: NOTE } }];
  const view = new RecordView(buildRecord(devices.map((device) => ({ device, states }))));
  const record = new JournalRecord(1, view, 0);
  const held = memory.newRecord(view, isReusable);
  const lanes = devices.map((device, chunk) => {
    const lane = newLane(device, memory);
    lane.push(new WaitingChunk(record, held, chunk, chunk, chunk + 1));
    return lane;
  });
  return { lanes, bytes: view.bytes.buffer.byteLength };
}

const ALL = { piece: undefined, pieceStates: 0, journalStates: 1 };

it('is free when the last lane has settled what stands in it, not before', () => {
  const { lanes, bytes } = lanesOfOneRecord(true);
  lanes[0]?.take(ALL, 0);
  expect(recordMemory.spareBytes).toBe(0);
  lanes[1]?.take(ALL, 0);
  expect(recordMemory.spareBytes).toBe(bytes);
});

it('is free when what is left of it was packed', () => {
  const { lanes, bytes } = lanesOfOneRecord(true);
  lanes[0]?.take(ALL, 0);
  for (const lane of lanes) packLane(lane, memory);
  expect(recordMemory.spareBytes).toBe(bytes);
  lanes[1]?.take(ALL, 0);
  // The packs are not for records.
  expect(recordMemory.spareBytes).toBe(bytes);
});

it('is left alone where it is not the lanes to give', () => {
  const { lanes } = lanesOfOneRecord(false);
  for (const lane of lanes) lane.take(ALL, 0);
  expect(recordMemory.spareBytes).toBe(0);
});
