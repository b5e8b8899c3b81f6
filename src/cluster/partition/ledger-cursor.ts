import { decodeEntry } from '../ledger/entry.js';
import type { KeepStream } from '../ledger-log.js';
import { ledgerSubject } from '../subjects.js';

/**
 * The record of a partition before which all are settled, as its last entry says.
 * @returns undefined where nobody has had the partition yet, or the entry cannot be read
 */
export async function ledgerCursor(keep: Pick<KeepStream, 'last'>, partition: number): Promise<number | undefined> {
  const last = await keep.last(ledgerSubject(partition));
  const entry = last === undefined ? undefined : decodeEntry(last.payload);
  return typeof entry === 'object' ? entry.cursor : undefined;
}
