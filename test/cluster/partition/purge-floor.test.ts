import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEntry, type LedgerEntry } from '../../../src/cluster/ledger/entry.js';
import type { KeptMessage } from '../../../src/cluster/ledger-log.js';
import { purgeFloor } from '../../../src/cluster/partition/purge-floor.js';
import { ledgerSubject } from '../../../src/cluster/subjects.js';

type Last = { readonly cursor: number } | 'none' | 'damaged' | 'away';

const last: fc.Arbitrary<Last> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ cursor: fc.integer({ min: 0, max: 1_000 }) }) },
  { weight: 1, arbitrary: fc.constantFrom('none', 'damaged', 'away') },
);

function keepOf(ledgers: readonly Last[]) {
  return {
    last: async (subject: string): Promise<KeptMessage | undefined> => {
      const found = ledgers.find((_, partition) => ledgerSubject(partition) === subject) ?? 'none';
      if (found === 'none') return undefined;
      if (found === 'away') throw new Error('no leader');
      const cursor = found === 'damaged' ? 1_000_000 : found.cursor;
      const entry: LedgerEntry = {
        kind: 'settle',
        term: 1,
        counter: 1,
        cursor,
        owner: '0'.repeat(32),
        body: Buffer.of(),
      };
      const payload = encodeEntry(entry, 1);
      if (found === 'damaged') payload[20] = (payload[20] as number) ^ 1;
      return { sequence: 7, subject, payload };
    },
  };
}

describe('below what records are removed', () => {
  it('is never above the cursor of any partition, and nowhere while one cannot be told', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(last, { minLength: 1, maxLength: 16 }), async (ledgers) => {
        const floor = await purgeFloor(keepOf(ledgers), ledgers.length);
        const cursors = ledgers.flatMap((ledger) => (typeof ledger === 'string' ? [] : [ledger.cursor]));
        if (cursors.length < ledgers.length) expect(floor).toBeUndefined();
        else expect(floor).toBe(Math.min(...cursors));
      }),
    );
  });

  it('asks every partition that there is, not only those that have a ledger', async () => {
    expect(await purgeFloor(keepOf([{ cursor: 5 }, { cursor: 9 }]), 3)).toBeUndefined();
    expect(await purgeFloor(keepOf([]), 0)).toBeUndefined();
  });
});
