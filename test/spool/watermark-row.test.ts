import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeWatermarkRow, encodeWatermarkRow } from '../../src/spool/watermark-row.js';

const KEY = Buffer.alloc(24, 'k');

function encode(sequence: number, states: number, settledAtMs: number, sendsInWindow: number): Buffer {
  return encodeWatermarkRow(KEY, { watermark: { sequence, states }, settledAtMs, sendsInWindow });
}

it('stands on disk as documented', () => {
  const expected = Buffer.alloc(28);
  expected.writeDoubleLE(5, 0);
  expected.writeDoubleLE(1_767_225_600_123, 8);
  expected.writeUInt32LE(7, 16);
  expected.writeUInt32LE(29, 20);
  expected.writeUInt32LE(crc32(Buffer.concat([KEY, expected.subarray(0, 24)])), 24);
  expect(encode(5, 7, 1_767_225_600_123, 29).equals(expected)).toBe(true);
});

it('reads back what was written, wherever the row stands in its buffer', () => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(fc.maxSafeNat(), u32, fc.maxSafeNat(), u32, fc.nat(9), (sequence, states, at, sends, offset) => {
      const shifted = Buffer.concat([Buffer.alloc(offset), encode(sequence, states, at, sends)]).subarray(offset);
      const expected = { watermark: { sequence, states }, settledAtMs: at, sendsInWindow: sends };
      expect(decodeWatermarkRow(KEY, shifted)).toEqual(expected);
    }),
  );
});

it('reads no row in which a bit is flipped, and none of another device', () => {
  const row = encode(5, 7, 9, 11);
  for (let bit = 0; bit < row.byteLength * 8; bit++) {
    const flipped = Buffer.from(row);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(decodeWatermarkRow(KEY, flipped)).toBeUndefined();
  }
  expect(decodeWatermarkRow(Buffer.alloc(24, 'x'), row)).toBeUndefined();
});

it.each([0, 3, 24, 27, 29])('does not read a row of %i bytes', (length) => {
  expect(decodeWatermarkRow(KEY, new Uint8Array(length))).toBeUndefined();
});
