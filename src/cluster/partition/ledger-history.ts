import { StatewayError } from '../../core/errors.js';
import type { CountedSends } from '../../core/spool-ports.js';
import { type AgedSends, type Changes, decodeChanges } from '../ledger/changes.js';
import type { Claim } from '../ledger/claimant.js';
import { decodeEntry } from '../ledger/entry.js';
import type { KeepStream } from '../ledger-log.js';

/** What a ledger says up to a claim. */
export interface LedgerHistory {
  /** From the last snapshot on, in order. */
  readonly changes: readonly Changes[];
  /** When the owner before gave the partition up: so long before that its last snapshot was written. Undefined when it did not. */
  readonly sinceSnapshotMs: number | undefined;
  /** Of the entries behind the snapshot. */
  readonly bytesSinceSnapshot: number;
}

/**
 * Reads what the owners before have written.
 * @param claimSequence of the claim, behind which nobody else can have written
 * @throws StatewayError `STATEWAY_NATS_AWAY` when not all of it could be read
 */
export async function readLedger(
  keep: Pick<KeepStream, 'readFrom'>,
  subject: string,
  claimSequence: number,
  onUnreadable: (sequence: number, reason: string) => void,
): Promise<LedgerHistory> {
  let counted = new Counted();
  /** A snapshot of which not all parts have come yet. */
  let next: Counted | undefined;
  let sinceSnapshotMs: number | undefined;
  let isWhole = false;
  for await (const { payload, sequence } of keep.readFrom(subject, 0)) {
    isWhole = sequence >= claimSequence;
    if (isWhole) break;
    const read = changesOf(payload, sequence);
    if (typeof read === 'string') {
      onUnreadable(sequence, read);
      continue;
    }
    sinceSnapshotMs = read.isRelease ? read.changes.sinceSnapshotMs : undefined;
    const { part } = read.changes;
    if (part?.number === 1) next = new Counted();
    next?.add(read.changes, part === undefined ? payload.byteLength : 0);
    if (part === undefined) counted.add(read.changes, payload.byteLength);
    if (part === undefined || part.number < part.of || next === undefined) continue;
    counted = next;
    next = undefined;
  }
  if (!isWhole)
    throw new StatewayError('STATEWAY_NATS_AWAY', 'the ledger of the partition could not be read to its end');
  return { changes: counted.changes, sinceSnapshotMs, bytesSinceSnapshot: counted.bytes };
}

/**
 * What of a device's requests counts when its partition is taken over, by this machine's clock. After a release their ages
 * are known. Of an owner that was not heard of any more nobody knows when it sent last: all count as if they ended now.
 */
export function sendsAtTakeOver(
  { count, windowMs, untilAgeMs }: AgedSends,
  { claimedMs, releasedMs }: Pick<Claim, 'claimedMs' | 'releasedMs'>,
  sinceSnapshotMs: number | undefined,
): CountedSends {
  const isKnown = releasedMs !== undefined && sinceSnapshotMs !== undefined;
  const untilMs = isKnown ? releasedMs - sinceSnapshotMs - untilAgeMs : claimedMs - Math.min(0, untilAgeMs);
  return { count, windowMs, untilMs };
}

class Counted {
  readonly changes: Changes[] = [];
  bytes = 0;

  add(changes: Changes, bytes: number): void {
    this.changes.push(changes);
    this.bytes += bytes;
  }
}

function changesOf(payload: Uint8Array, sequence: number): { changes: Changes; isRelease: boolean } | string {
  const entry = decodeEntry(payload);
  if (typeof entry === 'string') return entry;
  try {
    return { changes: decodeChanges(entry.body, sequence), isRelease: entry.kind === 'release' };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
