import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DIGEST_BYTES, DigestTable } from '../../src/auth/digest-table.js';

/** Digests of a few, all of which begin alike, and of others: `n` stands for one. */
function digestOf(n: number): Buffer {
  const digest = createHash('sha256').update(String(n)).digest();
  if (n < 10) digest.fill(0, 0, 4);
  return digest;
}

function shownOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}

describe('a table of digests', () => {
  it('holds what a map would, in order of when each was put, whatever is put and deleted', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(40), fc.nat(1_000)), { maxLength: 300 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 30 }), (sequence, most) => {
        const table = new DigestTable(most);
        const model = new Map<string, number>();
        for (const [isPut, n, number] of sequence) {
          const digest = digestOf(n);
          const shown = shownOf(digest);
          if (!isPut) {
            expect(table.delete(digest)).toBe(model.delete(shown));
          } else {
            const oldest = model.has(shown) || model.size < most ? undefined : model.keys().next().value;
            const gone = table.put(digest, number);
            expect(gone && shownOf(gone)).toBe(oldest);
            if (oldest !== undefined) model.delete(oldest);
            model.delete(shown);
            model.set(shown, number);
          }
          expect(table.has(digest)).toBe(model.has(shown));
          expect(table.size).toBe(model.size);
        }
        expect([...table.entries()].map(([digest, number]) => [shownOf(digest), number])).toEqual([...model]);
        for (let n = 0; n <= 40; n++) expect(table.has(digestOf(n))).toBe(model.has(shownOf(digestOf(n))));
      }),
    );
  });

  it('goes on where what was handed out is deleted, and what came before it', () => {
    const table = new DigestTable(100);
    for (let n = 0; n < 100; n++) table.put(digestOf(n), n);
    const seen: number[] = [];
    for (const [digest, number] of table.entries()) {
      seen.push(number);
      table.delete(digest);
      table.delete(digestOf(Math.max(0, number - 1)));
    }
    expect(seen).toEqual([...Array(100).keys()]);
    expect(table.size).toBe(0);
  });

  it('finds none in an empty table, nor one that differs in the last byte', () => {
    const table = new DigestTable(10);
    const digest = Buffer.alloc(DIGEST_BYTES, 7);
    expect(table.has(digest)).toBe(false);
    table.put(digest, Number.POSITIVE_INFINITY);
    digest[DIGEST_BYTES - 1] = 8;
    expect(table.has(digest)).toBe(false);
    expect(table.delete(digest)).toBe(false);
    expect([...table.entries()]).toEqual([[new Uint8Array(DIGEST_BYTES).fill(7), Number.POSITIVE_INFINITY]]);
  });
});
