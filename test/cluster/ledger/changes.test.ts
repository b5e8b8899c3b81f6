import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Changes, decodeChanges, encodeChanges, NO_CHANGES } from '../../../src/cluster/ledger/changes.js';
import { Device } from '../../../src/core/device.js';

const ENTRY = 1_000;
const number = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const sequence = number.filter((value) => value > 0);
const timeMs = fc.oneof(fc.constant(Number.NEGATIVE_INFINITY), fc.double({ noNaN: true }));
const device = fc
  .uint8Array({ minLength: 24, maxLength: 24 })
  .map((bytes) => Device.fromKey(Buffer.from(bytes).toString('hex')));

const changes: fc.Arbitrary<Changes> = fc.record({
  devices: fc.array(
    fc.record({
      device,
      watermark: fc.record({ sequence: number, states: number }),
      sends: fc.record({ count: number, windowMs: number, untilAgeMs: fc.double({ noNaN: true }) }),
      stamps: fc.record({ lastStampMs: timeMs, lastArrivalMs: timeMs, lastOwnMs: timeMs }),
    }),
  ),
  pieces: fc.array(
    fc.record({
      device,
      sequence,
      bytes: number,
      states: number,
      settledStates: number,
      oldestStoredAtMs: fc.double({ noNaN: true }),
    }),
  ),
  writers: fc.array(fc.record({ writer: fc.string(), counter: number, storedAtMs: fc.double({ noNaN: true }) })),
  letters: fc.option(fc.record({ upToSequence: number, count: number, bytes: number, latestFrom: number }), {
    nil: undefined,
  }),
  lifted: fc.array(number),
  part: fc.option(fc.record({ number: sequence, of: number }), { nil: undefined }),
  sinceSnapshotMs: fc.double({ noNaN: true }),
});

describe('the changes in an entry', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(changes, (written) => {
        expect(decodeChanges(encodeChanges(written), ENTRY)).toEqual(written);
      }),
    );
  });

  it('are none in an empty body', () => {
    expect(decodeChanges(new Uint8Array(0), ENTRY)).toEqual(NO_CHANGES);
  });

  it('name messages that were written with the entry by how far before it they stand', () => {
    const piece = {
      device: Device.fromKey('1'.repeat(48)),
      bytes: 1,
      states: 1,
      settledStates: 0,
      oldestStoredAtMs: 5,
    };
    const written: Changes = { ...NO_CHANGES, pieces: [{ ...piece, sequence: -2 }] };
    const read = decodeChanges(encodeChanges(written), ENTRY);
    expect(read.pieces).toEqual([{ ...piece, sequence: ENTRY - 2 }]);
  });

  it('are refused when they end too soon, or go on', () => {
    fc.assert(
      fc.property(changes, fc.nat(), (written, end) => {
        const bytes = Buffer.from(encodeChanges(written));
        const cut = 1 + (end % bytes.byteLength);
        if (cut < bytes.byteLength) expect(() => decodeChanges(bytes.subarray(0, cut), ENTRY)).toThrow(RangeError);
        expect(() => decodeChanges(Buffer.concat([bytes, Buffer.of(0)]), ENTRY)).toThrow(RangeError);
      }),
    );
  });
});
