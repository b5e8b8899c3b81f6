import { randomBytes } from 'node:crypto';
import type { Device } from '../core/device.js';
import type { OwnedSpool, PartitionOwner, Partitions } from '../core/spool-ports.js';
import type { IntakeStream } from './intake-stream.js';
import { type Claim, Claimant } from './ledger/claimant.js';
import { NEWEST_LAYOUT } from './ledger/entry.js';
import { LEDGER_TIMES, type LedgerTimes } from './ledger/ledger-parts.js';
import type { KeepStream } from './ledger-log.js';
import { Members } from './members/members.js';
import { OwnedPartition, type OwnedPartitionParts } from './partition/owned-partition.js';
import { ledgerSubject, partitionOf } from './subjects.js';
import type { Talk } from './talk.js';

/** Settlements of so long are written together. */
const GATHER_MS = 50;
/** Before what could not be read of a partition is read again. */
const OPEN_AGAIN_MS = 200;
/**
 * From the moment at which nothing of a partition starts any more to the one at which it is given up: most of what is on
 * its way to the cloud is answered by then, and need not be sent again by the next owner.
 */
const REST_MS = 1_500;
/** A partition stays where it is for so long at least, however often those who are there change. */
const STAYS_MS = 10_000;

/** Why a partition went to another replica, or came. */
export type HandOverReason = 'released' | 'expired' | 'given_up' | 'lost';

/** Partitions, by who has them. */
export type PartitionCounts = Readonly<Record<'owned' | 'claimed' | 'lost', number>>;

export interface OwnedPartitionsOptions {
  readonly partitions: number;
  /** For people (`STATEWAY_NAME`). */
  readonly name: string;
  /** Of records that wait in memory, all partitions together: beyond it no more are read. */
  readonly maxOpenBytes: number;
  readonly maxDeadLetterBytes: number;
  /** {@link LEDGER_TIMES} unless given. */
  readonly times?: LedgerTimes;
}

export interface OwnedPartitionsParts extends Pick<OwnedPartitionParts, 'clock' | 'storedAtMs' | 'onUnreadable'> {
  readonly keep: KeepStream;
  readonly intake: IntakeStream;
  readonly talk: Talk;
  /** Told of each partition that comes or goes; for the log. */
  readonly onHandOver: (partition: number, isOwned: boolean, reason: HandOverReason) => void;
}

interface Owned {
  readonly spool: OwnedPartition;
  /** Monotonic. */
  readonly sinceMs: number;
  isLeaving: boolean;
}

/** The partitions of this replica: it claims those that it is to have, and gives up those that others are to have. */
export class OwnedPartitions implements Partitions {
  readonly members: Members;
  readonly #options: OwnedPartitionsOptions;
  readonly #parts: OwnedPartitionsParts;
  readonly #claimants: readonly Claimant[];
  readonly #owned = new Map<number, Owned>();
  #owner: PartitionOwner | undefined = undefined;
  #isClosing = false;
  #leaving: Promise<unknown> = Promise.resolve();

  constructor(options: OwnedPartitionsOptions, parts: OwnedPartitionsParts) {
    this.#options = options;
    this.#parts = parts;
    const { partitions, name, times = LEDGER_TIMES } = options;
    const { clock, keep, onUnreadable, talk } = parts;
    const owner = randomBytes(16).toString('hex');
    this.members = new Members({
      talk,
      clock,
      id: owner,
      name,
      layout: NEWEST_LAYOUT,
      partitions,
      owned: () => [...this.#owned.keys()],
      onLook: () => this.#look(),
    });
    const layout = () => this.members.layout;
    this.#claimants = Array.from(
      { length: partitions },
      (_, partition) =>
        new Claimant({
          log: keep,
          clock,
          subject: ledgerSubject(partition),
          owner,
          layout,
          times,
          onClaimed: (claim) => void this.#own(partition, claim),
          onUnreadable: (sequence, reason) => onUnreadable('entry', sequence, reason),
        }),
    );
  }

  /** Resolves at once: states are accepted whoever has their partitions. */
  async start(owner: PartitionOwner): Promise<void> {
    this.#owner = owner;
    this.members.start();
  }

  ownedOf(device: Device): OwnedSpool | undefined {
    const owned = this.#owned.get(partitionOf(device.idBytes, this.#options.partitions));
    return owned?.isLeaving === false ? owned.spool : undefined;
  }

  /** Those that are owned now. */
  list(): readonly OwnedPartition[] {
    return [...this.#owned.values()].map(({ spool }) => spool);
  }

  /** How many this replica has, how many it is to have and does not yet, and how many nobody whom it hears has. */
  counts(): PartitionCounts {
    const all = Array.from({ length: this.#options.partitions }, (_, partition) => partition);
    const had = new Set(this.members.list().flatMap(({ owned }) => owned));
    const isClaimed = (partition: number) => this.members.wanted.has(partition) && !this.#owned.has(partition);
    return {
      owned: this.#owned.size,
      claimed: all.filter(isClaimed).length,
      lost: all.filter((partition) => !had.has(partition)).length,
    };
  }

  has(partition: number): boolean {
    return this.#owned.get(partition)?.isLeaving === false;
  }

  /** Gives all partitions up, as far as the time allows. What runs out by itself is another's after the lease. */
  async close(withinMs: number): Promise<void> {
    this.#isClosing = true;
    this.members.leave();
    for (const claimant of this.#claimants) claimant.stop();
    const released = Promise.allSettled([...this.#owned.keys()].map((partition) => this.#release(partition)));
    await Promise.race([
      Promise.all([released, this.#leaving]),
      new Promise<void>((resolve) => void this.#parts.clock.schedule(withinMs, resolve)),
    ]);
    for (const { spool } of this.#owned.values()) spool.end();
    this.#owned.clear();
    this.members.stop();
  }

  #look(): void {
    if (this.#isClosing) return;
    const nowMs = this.#parts.clock.monotonicMs();
    for (const [partition, claimant] of this.#claimants.entries()) {
      const isWanted = this.members.wanted.has(partition);
      const owned = this.#owned.get(partition);
      if (owned === undefined) {
        if (isWanted) claimant.start();
        else claimant.stop();
      } else if (!isWanted && !owned.isLeaving && nowMs - owned.sinceMs >= STAYS_MS) {
        this.#leaving = Promise.allSettled([this.#leaving, this.#giveUp(partition, owned)]);
      }
    }
  }

  async #own(partition: number, claim: Claim): Promise<void> {
    const { clock, intake, keep, onHandOver, onUnreadable, storedAtMs } = this.#parts;
    const { maxDeadLetterBytes, maxOpenBytes, partitions } = this.#options;
    if (this.#isClosing) return claim.tenure.end();
    const spool = new OwnedPartition(
      {
        partition,
        gatherMs: GATHER_MS,
        maxOpenBytes: maxOpenBytes / partitions,
        maxDeadLetterBytes: maxDeadLetterBytes / partitions,
      },
      { claim, keep, intake, clock, storedAtMs, onUnreadable },
    );
    const owned: Owned = { spool, sinceMs: clock.monotonicMs(), isLeaving: false };
    claim.tenure.onLost = () => this.#lose(partition, owned);
    this.#owned.set(partition, owned);
    onHandOver(partition, true, claim.releasedMs === undefined ? 'expired' : 'released');
    while (!(await this.#isTakenUp(owned))) await this.#pause(OPEN_AGAIN_MS);
  }

  /** @returns false when not all of it could be read: nothing of it was taken up then */
  async #isTakenUp(owned: Owned): Promise<boolean> {
    if (owned.isLeaving) return true;
    try {
      await owned.spool.open();
    } catch {
      return false;
    }
    if (!owned.isLeaving) await this.#owner?.onOwned(owned.spool);
    return true;
  }

  #lose(partition: number, owned: Owned): void {
    if (this.#owned.get(partition) !== owned) return;
    owned.isLeaving = true;
    this.#owned.delete(partition);
    owned.spool.end();
    this.#owner?.onLost(owned.spool);
    this.#parts.onHandOver(partition, false, 'lost');
  }

  async #giveUp(partition: number, owned: Owned): Promise<void> {
    owned.isLeaving = true;
    owned.spool.rest();
    await this.#pause(REST_MS);
    await this.#release(partition);
  }

  async #release(partition: number): Promise<void> {
    const owned = this.#owned.get(partition);
    if (owned === undefined) return;
    owned.isLeaving = true;
    this.#owner?.onLost(owned.spool);
    // What cannot be written any more runs out by itself.
    await owned.spool.release().catch(() => owned.spool.end());
    if (this.#owned.get(partition) !== owned) return;
    this.#owned.delete(partition);
    this.#parts.onHandOver(partition, false, 'given_up');
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.clock.schedule(ms, resolve));
  }
}
