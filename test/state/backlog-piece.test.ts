import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import { buildPiece } from '../../src/state/backlog-piece.js';
import { RecordView } from '../../src/state/record-layout.js';
import { buildRecord, readRecord, type TestChunk } from '../helpers/records.js';

const DEVICES = ['1', '2', '3'].map((digit) => new Device('a'.repeat(24), digit.repeat(24)));
const DEVICE = DEVICES[1] as Device;

const STATES = fc.array(fc.record({ time: fc.nat(), data: fc.record({ text: fc.string({ unit: 'binary' }) }) }), {
  minLength: 1,
  maxLength: 6,
});
/** A record with a chunk of each device, and how many states at either end of the second chunk to leave out. */
const CUTS = fc.array(fc.record({ chunks: fc.tuple(STATES, STATES, STATES), skip: fc.nat(5), drop: fc.nat(5) }), {
  minLength: 1,
  maxLength: 4,
});

it('holds the states of the ranges, in order, and opens as a record of one chunk', () => {
  fc.assert(
    fc.property(CUTS, fc.nat(), (cuts, storedAtMs) => {
      const expected: unknown[] = [];
      const ranges = cuts.map(({ chunks, skip, drop }) => {
        const record = buildRecord(chunks.map((states, i): TestChunk => ({ device: DEVICES[i] as Device, states })));
        const [before, own] = chunks;
        const skipped = Math.min(skip, own.length - 1);
        const stateCount = Math.max(1, own.length - skipped - drop);
        expected.push(...own.slice(skipped, skipped + stateCount));
        return { view: new RecordView(record), firstState: before.length + skipped, stateCount };
      });
      const opened = RecordView.open(buildPiece(DEVICE, ranges, storedAtMs)) as RecordView;
      expect(opened.storedAtMs).toBe(storedAtMs);
      expect(readRecord(opened.bytes)).toEqual([{ deviceKey: DEVICE.key, states: expected }]);
    }),
  );
});

it('is made of records whose bytes do not start their buffer', () => {
  const record = buildRecord([{ device: DEVICE, states: [{ time: 7, data: { t: 1 } }] }], 5);
  const shifted = new Uint8Array(record.byteLength + 8);
  shifted.set(record, 8);
  const piece = buildPiece(DEVICE, [{ view: new RecordView(shifted.subarray(8)), firstState: 0, stateCount: 1 }], 5);
  expect(Buffer.compare(piece, record)).toBe(0);
});
