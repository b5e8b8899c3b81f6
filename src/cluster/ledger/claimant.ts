import { decodeEntry, encodeEntry, isSame, type LedgerEntry } from './entry.js';
import { type LedgerParts, outcomeOf } from './ledger-parts.js';
import { Tenure } from './tenure.js';

/** What was found when a partition was claimed. Monotonic milliseconds. */
export interface Claim {
  readonly tenure: Tenure;
  /** Whoever had it before starts nothing any more. */
  readonly claimedMs: number;
  /** Whoever had it before had given it up by then; undefined when its lease ran out, or when nobody had it. */
  readonly releasedMs: number | undefined;
}

export interface ClaimantParts extends LedgerParts {
  /** Told of each claim that was written, even of one that is not wanted any more. Nothing is claimed until the next {@link Claimant.start}. */
  readonly onClaimed: (claim: Claim) => void;
  /** Told once of a last entry that cannot be read: the partition is left alone, as what is known of it would be lost. */
  readonly onUnreadable: (sequence: number, reason: string) => void;
}

const NO_BODY = new Uint8Array(0);

/** The last entry, as it was seen. */
interface Seen {
  /** 0 where there is none. */
  readonly sequence: number;
  /** Monotonic: when it was first seen. */
  readonly sinceMs: number;
  readonly entry: LedgerEntry | undefined;
  readonly isReadable: boolean;
}

interface PendingClaim {
  readonly entry: LedgerEntry;
  /** Sequence of the entry behind which it is to stand: when that is not the last one any more, it never will. */
  readonly after: number;
  /** Monotonic: before it was sent first. */
  readonly sentMs: number;
  /** As {@link Claim.releasedMs}. */
  readonly releasedMs: number | undefined;
}

/**
 * Claims a partition when its owner has released it, or has not been heard of for longer than it may start anything: the last
 * entry of its ledger stayed the same for lease and margin by this machine's own clock. That needs no agreement on the time,
 * and no fresh reading: an entry that came meanwhile makes the claim fail.
 *
 * Why no two may start requests at one time: an owner's lease counts from before it sent its last entry; a claimant's wait
 * counts from when it had seen that entry, which is later. A claim is taken only where that entry is still the last one.
 */
export class Claimant {
  readonly #parts: ClaimantParts;
  #isWanted = false;
  #isLooking = false;
  #seen: Seen | undefined = undefined;
  /** Whose outcome is not known. */
  #pending: PendingClaim | undefined = undefined;
  #claims = 0;
  #cancelTimer: (() => void) | undefined = undefined;

  constructor(parts: ClaimantParts) {
    this.#parts = parts;
  }

  /** The partition is wanted. */
  start(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    void this.#look();
  }

  /** It is not wanted any more. A claim that is under way may still be written. */
  stop(): void {
    this.#isWanted = false;
    this.#cancelTimer?.();
    this.#seen = undefined;
    this.#pending = undefined;
  }

  async #look(): Promise<void> {
    this.#cancelTimer = undefined;
    if (this.#isLooking || !this.#isWanted) return;
    this.#isLooking = true;
    const delayMs = await this.#lookOnce();
    this.#isLooking = false;
    if (this.#isWanted) this.#cancelTimer = this.#parts.clock.schedule(delayMs, () => void this.#look());
  }

  /** @returns after how long to look again */
  async #lookOnce(): Promise<number> {
    const { clock, times } = this.#parts;
    const seen = await this.#see();
    if (seen === undefined || !this.#isWanted) return times.lookMs;
    const { entry, sequence } = seen;
    const pending = this.#pending;
    if (pending !== undefined && entry !== undefined && isSame(entry, pending.entry)) {
      this.#claimed(pending, sequence);
      return times.lookMs;
    }
    if (!seen.isReadable) return times.lookMs;
    const isFree = entry === undefined || entry.kind === 'release';
    const leftMs = isFree ? 0 : seen.sinceMs + times.leaseMs + times.marginMs - clock.monotonicMs();
    if (leftMs > 0) return Math.min(leftMs, times.lookMs);
    await this.#claim(seen, isFree && entry !== undefined ? seen.sinceMs : undefined);
    return times.retryMs;
  }

  /** Reads the last entry; undefined when nobody says what it is. */
  async #see(): Promise<Seen | undefined> {
    const { clock, log, onUnreadable, subject } = this.#parts;
    try {
      const message = await log.last(subject);
      const sequence = message?.sequence ?? 0;
      if (!this.#isWanted || this.#seen?.sequence === sequence) return this.#seen;
      const entry = message === undefined ? undefined : decodeEntry(message.payload);
      const isReadable = typeof entry !== 'string';
      this.#seen = { sequence, sinceMs: clock.monotonicMs(), entry: isReadable ? entry : undefined, isReadable };
      if (!isReadable) onUnreadable(sequence, entry);
      return this.#seen;
    } catch {
      return undefined;
    }
  }

  async #claim({ entry: before, sequence: after }: Seen, releasedMs: number | undefined): Promise<void> {
    const { layout, log, subject } = this.#parts;
    // One whose outcome is not known is sent again as it is, and its lease counts from the first time.
    if (this.#pending?.after !== after) this.#pending = this.#claimBehind(before, after, releasedMs);
    const pending = this.#pending;
    const payload = encodeEntry(pending.entry, layout());
    const outcome = await outcomeOf(log.append({ subject, payload, after }));
    if (outcome.outcome === 'stored') this.#claimed(pending, outcome.sequence);
  }

  #claimBehind(before: LedgerEntry | undefined, after: number, releasedMs: number | undefined): PendingClaim {
    const { clock, owner } = this.#parts;
    const term = (before?.term ?? 0) + 1;
    const counter = this.#claims++;
    const entry = { kind: 'claim', term, counter, cursor: before?.cursor ?? 0, owner, body: NO_BODY } as const;
    return { entry, after, sentMs: clock.monotonicMs(), releasedMs };
  }

  #claimed({ entry, sentMs, releasedMs }: PendingClaim, sequence: number): void {
    this.stop();
    const { clock, onClaimed } = this.#parts;
    const tenure = new Tenure(this.#parts, { ...entry, sequence, leaseFromMs: sentMs });
    onClaimed({ tenure, claimedMs: clock.monotonicMs(), releasedMs });
  }
}
