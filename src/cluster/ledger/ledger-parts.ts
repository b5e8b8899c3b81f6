import type { Clock } from '../../core/time/clock.js';
import type { AppendOutcome, KeepStream } from '../ledger-log.js';

/** How long things take between those who want a partition. Milliseconds. */
export interface LedgerTimes {
  /** So long after an owner began to write its last entry it may start requests. */
  readonly leaseMs: number;
  /** Waited beyond that before a partition is claimed: for clocks that run at different speeds, and what stands between a look at the clock and a write. */
  readonly marginMs: number;
  /** By so much sooner an owner stops starting requests. */
  readonly startMarginMs: number;
  /** An owner that has nothing to write says so often that it is there. */
  readonly renewMs: number;
  /** Between two looks at the last entry of a partition that is wanted. */
  readonly lookMs: number;
  /** Before what failed is tried again. */
  readonly retryMs: number;
}

/** A lease outlasts an election of the servers, which takes 4 to 8 s: one of these alone moves no partition. */
export const LEDGER_TIMES: LedgerTimes = {
  leaseMs: 12_000,
  marginMs: 1_000,
  startMarginMs: 500,
  renewMs: 1_500,
  lookMs: 250,
  retryMs: 50,
};

export interface LedgerParts {
  readonly log: Pick<KeepStream, 'append' | 'last'>;
  /** The monotonic one counts. */
  readonly clock: Clock;
  /** Of the ledger of the partition. */
  readonly subject: string;
  /** Of this process, another after each start: 32 hex digits. */
  readonly owner: string;
  /** In which entries are written now. */
  readonly layout: () => number;
  readonly times: LedgerTimes;
}

/** What a port says by failing is unknown as well. */
export async function outcomeOf(append: Promise<AppendOutcome>): Promise<AppendOutcome> {
  try {
    return await append;
  } catch (error) {
    return { outcome: 'again', reason: error instanceof Error ? error.message : String(error) };
  }
}
