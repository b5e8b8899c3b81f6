import { expect, it } from 'vitest';
import { decodeManifest, encodeManifest, isCounted } from '../../../src/spool/segments/manifest.js';

const MANIFEST = {
  position: 2 ** 40 + 1,
  segments: [
    { id: 1, bytes: 4 * 1024 * 1024, first: 17, last: 2 ** 40, blocks: 12, voided: [18, 2 ** 39] },
    { id: 2, bytes: 8192, first: 0, last: 0, blocks: 0, voided: [] },
  ],
};

it('is read as it was written', () => {
  expect(decodeManifest(encodeManifest(MANIFEST))).toEqual(MANIFEST);
  expect(decodeManifest(encodeManifest({ position: 0, segments: [] }))).toEqual({ position: 0, segments: [] });
});

it('is not read with any bit flipped, nor cut off', () => {
  const bytes = encodeManifest(MANIFEST);
  for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(decodeManifest(flipped), `bit ${bit}`).toBeUndefined();
  }
  for (let length = 0; length < bytes.byteLength; length++) {
    expect(decodeManifest(bytes.subarray(0, length)), `${length} bytes`).toBeUndefined();
  }
});

it('counts what is in the range of a segment and was not refused', () => {
  const [used, spare] = MANIFEST.segments as [(typeof MANIFEST.segments)[0], (typeof MANIFEST.segments)[0]];
  expect([16, 17, 18, 19, 2 ** 40, 2 ** 40 + 1].map((position) => isCounted(used, position))).toEqual([
    false,
    true,
    false,
    true,
    true,
    false,
  ]);
  expect(isCounted(spare, 1)).toBe(false);
});
