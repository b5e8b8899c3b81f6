import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinedChecksum } from '../../src/state/record-layout.js';

test('two parts have the checksum that they have as one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
      const joined = joinedChecksum(crc32(first), crc32(second), second.byteLength);
      expect(joined).toBe(crc32(Buffer.concat([first, second])));
    }),
  );
});

test.each([2 ** 16, 2 ** 20 - 1, 2 ** 24 + 3])('so they have with a second part of %i bytes', (bytes) => {
  const first = Buffer.from('the first part');
  const second = Buffer.alloc(bytes, 'and the second one ');
  expect(joinedChecksum(crc32(first), crc32(second), bytes)).toBe(crc32(Buffer.concat([first, second])));
});
