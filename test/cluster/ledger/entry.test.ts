import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeEntry,
  encodeEntry,
  type LedgerEntry,
  NEWEST_LAYOUT,
  OLDEST_LAYOUT,
} from '../../../src/cluster/ledger/entry.js';

const layout = fc.integer({ min: OLDEST_LAYOUT, max: NEWEST_LAYOUT });
const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const entry: fc.Arbitrary<LedgerEntry> = fc.record({
  kind: fc.constantFrom('claim', 'settle', 'snapshot', 'release'),
  term: number,
  counter: number,
  cursor: number,
  owner: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ minLength: 400, maxLength: 2_000 }),
    fc.integer({ min: 400, max: 9_000 }).map((length) => new Uint8Array(length).fill(7)),
  ),
});

const PLAIN: LedgerEntry = {
  kind: 'settle',
  term: 3,
  counter: 9,
  cursor: 77,
  owner: '0123456789abcdef'.repeat(2),
  body: new Uint8Array(2_000).fill(1),
};

describe('the entry of a ledger', () => {
  it('is read as it was written, in each layout', () => {
    fc.assert(
      fc.property(entry, layout, (written, inLayout) => {
        const { body, ...head } = decodeEntry(encodeEntry(written, inLayout)) as LedgerEntry;
        const { body: bodyWritten, ...headWritten } = written;
        expect(head).toEqual(headWritten);
        expect(Buffer.compare(body, bodyWritten)).toBe(0);
      }),
    );
  });

  it('is refused with any bit of it changed, and cut off anywhere', () => {
    fc.assert(
      fc.property(entry, layout, fc.nat(), fc.nat(), (written, inLayout, bit, end) => {
        const bytes = encodeEntry(written, inLayout);
        const cut = bytes.subarray(0, end % bytes.byteLength);
        expect(decodeEntry(cut)).toBeTypeOf('string');
        const at = bit % (8 * bytes.byteLength);
        bytes[at >> 3] = (bytes[at >> 3] as number) ^ (1 << (at & 7));
        expect(decodeEntry(bytes)).toBeTypeOf('string');
      }),
    );
  });

  it('is shorter in the newer layout', () => {
    expect(encodeEntry(PLAIN, NEWEST_LAYOUT).byteLength).toBeLessThan(encodeEntry(PLAIN, OLDEST_LAYOUT).byteLength / 2);
  });

  it('says which layouts can be read when it has another', () => {
    const bytes = encodeEntry(PLAIN, NEWEST_LAYOUT + 1);
    expect(decodeEntry(bytes)).toBe('its layout is 3; 1 to 2 can be read');
  });

  it('may stand anywhere in its buffer', () => {
    const bytes = Buffer.concat([Buffer.from('abc'), encodeEntry(PLAIN, OLDEST_LAYOUT), Buffer.from('d')]);
    expect(decodeEntry(bytes.subarray(3, -1))).toMatchObject({ kind: 'settle', term: 3, counter: 9, cursor: 77 });
  });
});
