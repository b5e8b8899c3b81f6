import { describe, expect, it } from 'vitest';
import { encodeEntry } from '../../../src/cluster/ledger/entry.js';
import { ledgerCursor } from '../../../src/cluster/partition/ledger-cursor.js';
import { ledgerSubject } from '../../../src/cluster/subjects.js';
import { MemoryKeep } from '../ledger/memory-keep.js';

function entryOf(cursor: number): Uint8Array {
  const entry = { kind: 'settle', term: 1, counter: 1, cursor, owner: '0'.repeat(32), body: Buffer.of() } as const;
  return encodeEntry(entry, 1);
}

describe('what a ledger says is settled', () => {
  it('is what its last entry says', async () => {
    const keep = new MemoryKeep();
    for (const cursor of [3, 9]) keep.appendNow({ subject: ledgerSubject(1), payload: entryOf(cursor) });
    keep.appendNow({ subject: ledgerSubject(2), payload: entryOf(20) });
    expect(await ledgerCursor(keep, 1)).toBe(9);
  });

  it('is not known where nobody has had the partition, or of an entry that is damaged', async () => {
    const keep = new MemoryKeep();
    expect(await ledgerCursor(keep, 1)).toBeUndefined();
    const payload = entryOf(9);
    payload[20] = (payload[20] as number) ^ 1;
    keep.appendNow({ subject: ledgerSubject(1), payload });
    expect(await ledgerCursor(keep, 1)).toBeUndefined();
  });
});
