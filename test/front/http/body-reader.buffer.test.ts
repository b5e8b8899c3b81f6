import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BodyBuffer } from '../../../src/front/http/body-reader.js';

test('holds nothing at first', () => {
  const body = new BodyBuffer();
  expect({ length: body.length, bytes: [...body.bytes] }).toEqual({ length: 0, bytes: [] });
});

test('gathers any pieces into what they were cut from, and keeps them when their memory is used again', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 40 }), (pieces) => {
      const body = new BodyBuffer();
      for (const piece of pieces) {
        const memory = Uint8Array.from(piece).buffer;
        body.append(memory);
        new Uint8Array(memory).fill(0xee);
      }
      expect(Buffer.from(body.bytes)).toEqual(Buffer.concat(pieces));
      expect(body.length).toBe(body.bytes.length);
    }),
  );
});

test('takes at most twice the memory of what it holds', () => {
  const body = new BodyBuffer();
  for (let i = 1; i <= 5000; i++) {
    body.append(new ArrayBuffer(1));
    expect(body.bytes.buffer.byteLength).toBeLessThanOrEqual(2 * i);
  }
});
