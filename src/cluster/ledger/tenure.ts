import { StatewayError } from '../../core/errors.js';
import type { Beside } from '../ledger-log.js';
import { decodeEntry, type EntryKind, encodeEntry, isSame, type LedgerEntry } from './entry.js';
import { type LedgerParts, outcomeOf } from './ledger-parts.js';

/** Where a tenure begins: its claim. */
export interface TenureStart {
  readonly term: number;
  readonly counter: number;
  readonly sequence: number;
  readonly cursor: number;
  /** Monotonic: before the claim was sent. */
  readonly leaseFromMs: number;
}

/** What an owner writes. */
export interface TenureEntry {
  readonly kind: Exclude<EntryKind, 'claim'>;
  readonly body: Uint8Array;
  /** Kept in the same step, right before the entry. */
  readonly beside?: readonly Beside[];
}

/** How an entry that could not be appended stands in the ledger. */
type Found = 'stored' | 'absent' | 'lost';

const NO_BODY = new Uint8Array(0);

/**
 * A partition in the hands of this process, from its claim to its end. Each entry may follow only the one before it: an
 * entry of another's in between is the end, and so is a release.
 *
 * An entry whose outcome is unknown is sent again until it stands, or until another's does: whoever's lease ran out meanwhile
 * and is still the last to have written is still the owner, though it starts nothing until it has written again.
 */
export class Tenure {
  /** Written in every entry: all records of the partition before this one are settled. */
  cursor: number;
  readonly #parts: LedgerParts;
  readonly #term: number;
  #counter: number;
  #lastSequence: number;
  #leaseFromMs: number;
  #isHeld = true;
  #isEnding = false;
  #waiting = 0;
  #tail: Promise<unknown> = Promise.resolve();
  #cancelTimer: (() => void) | undefined = undefined;
  #wake: () => void = () => {};
  /** Told once when another process has the partition. */
  onLost: () => void = () => {};
  /** What is written when there was nothing to write for a while. */
  heartbeat: () => TenureEntry = () => ({ kind: 'settle', body: NO_BODY });

  constructor(parts: LedgerParts, start: TenureStart) {
    this.#parts = parts;
    this.#term = start.term;
    this.#counter = start.counter;
    this.#lastSequence = start.sequence;
    this.cursor = start.cursor;
    this.#leaseFromMs = start.leaseFromMs;
    this.#planRenewal();
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Sequence of the last entry. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Monotonic: no request may start later, as another may have claimed the partition by then. */
  get mayStartUntilMs(): number {
    const { leaseMs, startMarginMs } = this.#parts.times;
    return this.#isHeld && !this.#isEnding ? this.#leaseFromMs + leaseMs - startMarginMs : Number.NEGATIVE_INFINITY;
  }

  /**
   * Writes an entry behind those that wait already.
   * @returns its sequence, when it is on stable storage
   * @throws StatewayError `STATEWAY_PARTITION_LOST` when another has the partition, or it was given up
   */
  append(entry: TenureEntry): Promise<number> {
    this.#waiting++;
    const written = this.#tail.then(() => this.#write(entry)).finally(() => this.#waiting--);
    this.#tail = written.catch(() => {});
    return written;
  }

  /**
   * Gives the partition up: the next may claim it at once. Nothing starts from now on.
   * @throws StatewayError as {@link Tenure.append}
   */
  async release(body: Uint8Array): Promise<void> {
    this.#isEnding = true;
    await this.append({ kind: 'release', body });
    this.end();
  }

  /** Nothing is written any more: the lease runs out by itself. */
  end(): void {
    this.#isHeld = false;
    this.#cancelTimer?.();
    this.#wake();
  }

  async #write({ kind, body, beside }: TenureEntry): Promise<number> {
    const { clock, layout, log, owner, subject, times } = this.#parts;
    const counter = this.#counter + 1;
    const entry: LedgerEntry = { kind, term: this.#term, counter, cursor: this.cursor, owner, body };
    const append = { subject, payload: encodeEntry(entry, layout()), ...(beside && { beside }) };
    const sentMs = clock.monotonicMs();
    while (this.#isHeld) {
      const outcome = await outcomeOf(log.append({ ...append, after: this.#lastSequence }));
      if (outcome.outcome === 'stored') return this.#written(entry, outcome.sequence, sentMs);
      if (outcome.outcome === 'conflict') {
        const found = await this.#find(entry);
        if (found.state === 'stored') return this.#written(entry, found.sequence, sentMs);
        if (found.state === 'lost') this.#lose();
      }
      if (this.#isHeld) await this.#pause(times.retryMs);
    }
    throw lost();
  }

  /** Looks for an entry that may have been stored without that being told. */
  async #find(entry: LedgerEntry): Promise<{ readonly state: Found; readonly sequence: number }> {
    const { clock, log, subject, times } = this.#parts;
    const absent = { state: 'absent', sequence: 0 } as const;
    try {
      const last = await log.last(subject);
      if (last === undefined) {
        // A server that has lost its disk, or the stream is gone with all that was in it: no lease outlives that.
        const isOver = clock.monotonicMs() > this.#leaseFromMs + times.leaseMs;
        return isOver ? { state: 'lost', sequence: 0 } : absent;
      }
      // A reading from before: nothing was ever taken back.
      if (last.sequence <= this.#lastSequence) return absent;
      const found = decodeEntry(last.payload);
      const isOwn = typeof found !== 'string' && isSame(found, entry);
      return { state: isOwn ? 'stored' : 'lost', sequence: last.sequence };
    } catch {
      return absent;
    }
  }

  #written(entry: LedgerEntry, sequence: number, sentMs: number): number {
    this.#counter = entry.counter;
    this.#lastSequence = sequence;
    this.#leaseFromMs = sentMs;
    if (this.#isHeld) this.#planRenewal();
    return sequence;
  }

  #planRenewal(): void {
    const { clock, times } = this.#parts;
    this.#cancelTimer?.();
    const delayMs = this.#leaseFromMs + times.renewMs - clock.monotonicMs();
    this.#cancelTimer = clock.schedule(delayMs, () => {
      if (this.#waiting === 0) this.append(this.heartbeat()).catch(() => {});
    });
  }

  #lose(): void {
    if (!this.#isHeld) return;
    this.end();
    this.onLost();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.schedule(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function lost(): StatewayError {
  return new StatewayError('STATEWAY_PARTITION_LOST', 'another replica has the partition of the device');
}
