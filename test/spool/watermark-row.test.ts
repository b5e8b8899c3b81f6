import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import { decodeWatermarkRow, encodeWatermarkRow } from '../../src/spool/watermark-row.js';

const DEVICE = new Device('a'.repeat(24), 'b'.repeat(24));

function encode(sequence: number, states: number, settledAtMs: number, sendsInWindow: number): Buffer {
  const watermark = { sequence, states };
  return encodeWatermarkRow(
    { device: DEVICE, watermark, finishedSequences: [], states: 0, sendsInWindow },
    settledAtMs,
  );
}

it('stands on disk as documented', () => {
  const expected = Buffer.alloc(24);
  expected.writeDoubleLE(5, 0);
  expected.writeDoubleLE(1_767_225_600_123, 8);
  expected.writeUInt32LE(7, 16);
  expected.writeUInt32LE(29, 20);
  expect(encode(5, 7, 1_767_225_600_123, 29).equals(expected)).toBe(true);
});

it('reads back what was written, wherever the row stands in its buffer', () => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(fc.maxSafeNat(), u32, fc.maxSafeNat(), u32, fc.nat(9), (sequence, states, at, sends, offset) => {
      const shifted = Buffer.concat([Buffer.alloc(offset), encode(sequence, states, at, sends)]).subarray(offset);
      const expected = { watermark: { sequence, states }, settledAtMs: at, sendsInWindow: sends };
      expect(decodeWatermarkRow(shifted)).toEqual(expected);
    }),
  );
});

it.each([0, 23, 25])('does not read a row of %i bytes', (length) => {
  expect(decodeWatermarkRow(new Uint8Array(length))).toBeUndefined();
});
