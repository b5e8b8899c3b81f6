import { decodeEntry } from '../ledger/entry.js';
import type { KeepStream } from '../ledger-log.js';
import { ledgerSubject } from '../subjects.js';

/**
 * Below which sequence no partition has anything left to settle: what may be removed from the stream of records, for good.
 * @returns undefined where that cannot be told of every partition: then nothing may be removed
 */
export async function purgeFloor(keep: Pick<KeepStream, 'last'>, partitions: number): Promise<number | undefined> {
  const last = await Promise.allSettled(
    Array.from({ length: partitions }, (_, partition) => keep.last(ledgerSubject(partition))),
  );
  let floor = Number.POSITIVE_INFINITY;
  for (const read of last) {
    const payload = read.status === 'fulfilled' ? read.value?.payload : undefined;
    const entry = payload === undefined ? undefined : decodeEntry(payload);
    if (entry === undefined || typeof entry === 'string') return undefined;
    floor = Math.min(floor, entry.cursor);
  }
  return Number.isFinite(floor) ? floor : undefined;
}
