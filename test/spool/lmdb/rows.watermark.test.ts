import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWatermarkRow, encodeWatermarkRow, newerRow, type WatermarkRow } from '../../../src/spool/lmdb/rows.js';
import { sealRow } from '../../../src/spool/lmdb/sealed-row.js';

const KEY = Buffer.alloc(24, 'k');

const ROW: WatermarkRow = {
  watermark: { sequence: 5, states: 7 },
  sends: { count: 29, windowMs: 15_000, untilMs: 1_767_225.5 },
  bootTag: 0xfeed_beef,
  position: 77,
};

it('stands on disk as documented', () => {
  const expected = Buffer.alloc(44);
  expected.writeDoubleLE(5, 0);
  expected.writeDoubleLE(1_767_225.5, 8);
  expected.writeUInt32LE(7, 16);
  expected.writeUInt32LE(29, 20);
  expected.writeUInt32LE(15_000, 24);
  expected.writeUInt32LE(0xfeed_beef, 28);
  expected.writeDoubleLE(77, 32);
  expected.writeUInt32LE(crc32(Buffer.concat([KEY, expected.subarray(0, 40)])), 40);
  expect(encodeWatermarkRow(KEY, ROW).equals(expected)).toBe(true);
});

it('reads a row of format 1, of whose requests nothing is known but their number', () => {
  const payload = Buffer.alloc(24);
  payload.writeDoubleLE(5, 0);
  payload.writeDoubleLE(1_767_225_600_123, 8);
  payload.writeUInt32LE(7, 16);
  payload.writeUInt32LE(29, 20);
  expect(decodeWatermarkRow(KEY, sealRow(KEY, payload))).toEqual({
    watermark: { sequence: 5, states: 7 },
    sends: { count: 29, windowMs: 0, untilMs: 0 },
    bootTag: 0,
    position: 0,
  });
});

it('reads a row of format 2, when the journal had no positions', () => {
  const { position: _, ...row } = ROW;
  const payload = encodeWatermarkRow(KEY, ROW).subarray(0, 32);
  expect(decodeWatermarkRow(KEY, sealRow(KEY, payload))).toEqual({ ...row, position: 0 });
});

it('reads back what was written, wherever the row stands in its buffer', () => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const row = fc.record({
    watermark: fc.record({ sequence: fc.maxSafeNat(), states: u32 }),
    sends: fc.record({ count: u32, windowMs: u32, untilMs: fc.maxSafeNat() }),
    bootTag: u32,
    position: fc.maxSafeNat(),
  });
  fc.assert(
    fc.property(row, fc.nat(9), (expected, offset) => {
      const shifted = Buffer.concat([Buffer.alloc(offset), encodeWatermarkRow(KEY, expected)]).subarray(offset);
      expect(decodeWatermarkRow(KEY, shifted)).toEqual(expected);
    }),
  );
});

it('reads no row in which a bit is flipped, and none of another device', () => {
  const row = encodeWatermarkRow(KEY, ROW);
  for (let bit = 0; bit < row.byteLength * 8; bit++) {
    const flipped = Buffer.from(row);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(decodeWatermarkRow(KEY, flipped)).toBeUndefined();
  }
  expect(decodeWatermarkRow(Buffer.alloc(24, 'x'), row)).toBeUndefined();
});

it.each([0, 3, 24, 27, 29, 35, 37, 43, 45])('does not read a row of %i bytes', (length) => {
  expect(decodeWatermarkRow(KEY, new Uint8Array(length))).toBeUndefined();
});

describe('of two rows of a device, the one in the journal and the one in LMDB, the newer is', () => {
  const rowAt = (position: number) => encodeWatermarkRow(KEY, { ...ROW, position });

  it.each([
    ['the one of the higher position', 8, 7, 'logged'],
    ['the one of the higher position', 7, 8, 'stored'],
    ['the one in the journal, where nothing was written between them', 7, 7, 'logged'],
  ])('%s', (_, loggedAt, storedAt, expected) => {
    const rows = { logged: rowAt(loggedAt), stored: rowAt(storedAt) };
    expect(newerRow(KEY, rows.logged, rows.stored)).toBe(rows[expected as keyof typeof rows]);
  });

  it('the one in the journal, where the other is damaged or of an earlier format', () => {
    const logged = rowAt(0);
    const earlier = sealRow(KEY, encodeWatermarkRow(KEY, ROW).subarray(0, 32));
    for (const stored of [Buffer.alloc(44), earlier]) expect(newerRow(KEY, logged, stored)).toBe(logged);
  });
});
