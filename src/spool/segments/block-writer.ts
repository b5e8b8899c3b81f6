import { write } from 'node:fs';
import { Distribution, LATENCY_BOUNDS_SECONDS } from '../../core/metering/meters.js';
import type { Clock } from '../../core/time/clock.js';
import { blockBytes, entryBytes, writeBlock } from './block-layout.js';
import { PendingEntry } from './pending-entry.js';
import type { Segment } from './segment.js';
import type { SegmentPool } from './segment-pool.js';

/** What is written at a time, unless one record alone needs more. */
const MEMORY_BYTES = 256 * 1024;
/** How long rows wait for a record to go with, so that settlements alone do not keep the disk busy. */
const ROWS_WAIT_MS = 1;

/** As `fs.write` at a position: may write less than it was asked to. */
export type WriteCall = (
  descriptor: number,
  bytes: Buffer,
  offset: number,
  length: number,
  position: number,
  done: (error: unknown, written: number) => void,
) => void;

export interface BlockWriterOptions {
  readonly clock: Clock;
  /** Asked when a block with records is on disk, before anybody is told; throws when it does not count after all. */
  readonly confirm: () => void;
  /** Told of a write that failed, before anybody else is. */
  readonly onFailed: (error: unknown) => void;
  readonly write?: WriteCall;
}

/** A block that is being written. */
interface BlockUnderWay {
  readonly segment: Segment;
  readonly position: number;
  readonly entries: readonly PendingEntry[];
  readonly memory: Buffer;
  readonly bytes: number;
  /** Monotonic. */
  readonly begunMs: number;
}

/**
 * Writes blocks, one at a time: what comes while one is under way is the next. Entries come to disk in the order in which
 * they were added, and who waits is told in that order.
 *
 * A write that fails leaves a block of which nobody knows whether it is on disk. So all in it is refused, and all that
 * waits; its segment is not written any more; and the next block begins by saying that it does not count, before anything
 * else is taken.
 */
export class BlockWriter {
  /** From the beginning of a block's write to its end on the disk, of those that came to it. */
  readonly commitSeconds = new Distribution(LATENCY_BOUNDS_SECONDS);
  readonly #pool: SegmentPool;
  readonly #options: BlockWriterOptions;
  readonly #write: WriteCall;
  readonly #memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);
  #pending: PendingEntry[] = [];
  #position: number;
  /** Positions of blocks that do not count, though they may be there, and which no block on disk says that of. */
  #voided: readonly number[] = [];
  #underWay: BlockUnderWay | undefined = undefined;
  #doneBytes = 0;
  /** Whether no block may be begun: there is no segment for it yet. */
  #isHeld = false;
  #isStartQueued = false;
  #rowsTimer: NodeJS.Timeout | undefined = undefined;
  /** Why nothing is taken. */
  #failure: unknown = undefined;
  #onIdle: (() => void)[] = [];

  /** @param position of the last block there is */
  constructor(pool: SegmentPool, position: number, options: BlockWriterOptions) {
    this.#pool = pool;
    this.#position = position;
    this.#options = options;
    this.#write = options.write ?? (write as WriteCall);
  }

  /** Of the last block that is on disk, or is known to count for nothing; all before it are too. */
  get position(): number {
    return this.#position;
  }

  /** Resolves when `entry` is on disk. */
  add(entry: PendingEntry): Promise<void> {
    if (this.#failure !== undefined) {
      entry.reject(this.#failure);
      return entry.written;
    }
    this.#pending.push(entry);
    if (this.#isHeld || this.#underWay !== undefined) return entry.written;
    if (entry.isNewRecord) this.#startSoon();
    else this.#rowsTimer ??= setTimeout(() => this.#start(), ROWS_WAIT_MS);
    return entry.written;
  }

  /**
   * Proves that blocks can be written, by one that says which ones do not count; after a failure entries are taken again.
   * Records that wait for a segment are refused: what keeps it away may be what failed.
   * @throws the error of the file system
   */
  async recover(): Promise<void> {
    this.#pool.endWait(new Error('the journal is being recovered'));
    await this.#idle();
    this.#isHeld = true;
    const proof = PendingEntry.void(0);
    const segment = await this.#pool.segmentAtOnce(this.#bytesWith([proof]));
    this.#isHeld = false;
    if (segment !== undefined) this.#begin(segment, [proof]);
    else if (this.#failure !== undefined) proof.reject(this.#failure);
    // Without room, and without a failure of its own, there is nothing to prove.
    else proof.resolve();
    this.#start();
    this.#tellIdle();
    await proof.written;
  }

  /** Writes what waits; nothing is taken any more. */
  async close(): Promise<void> {
    while (this.#pending.length > 0 || this.#isHeld || this.#underWay !== undefined) {
      this.#start();
      await this.#idle();
    }
    clearTimeout(this.#rowsTimer);
    this.#failure = new Error('the journal is closed');
  }

  /** Resolves when nothing is under way. */
  #idle(): Promise<void> {
    if (this.#underWay === undefined && !this.#isHeld) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** At the end of what runs now: what else it adds goes into the same block. */
  #startSoon(): void {
    if (this.#isStartQueued) return;
    this.#isStartQueued = true;
    process.nextTick(() => {
      this.#isStartQueued = false;
      this.#start();
    });
  }

  #start(): void {
    clearTimeout(this.#rowsTimer);
    this.#rowsTimer = undefined;
    if (this.#isHeld || this.#underWay !== undefined || this.#pending.length === 0) return;
    const { count, bytes, isForRecords } = this.#nextBlock();
    const segment = this.#pool.segmentFor(bytes, isForRecords);
    if (segment === undefined) void this.#waitForSegment(bytes, isForRecords, count);
    else this.#begin(segment, this.#pending.splice(0, count));
  }

  /** How much of what waits makes up the next block. */
  #nextBlock(): { count: number; bytes: number; isForRecords: boolean } {
    const mostBytes = Math.min(MEMORY_BYTES, this.#pool.segmentBytes);
    let count = 0;
    let entriesBytes = this.#voided.length * entryBytes(0);
    let isForRecords = false;
    for (const entry of this.#pending) {
      if (count > 0 && blockBytes(entriesBytes + entry.bytes) > mostBytes) break;
      entriesBytes += entry.bytes;
      count++;
      isForRecords ||= entry.isNewRecord;
    }
    return { count, bytes: blockBytes(entriesBytes), isForRecords };
  }

  async #waitForSegment(bytes: number, isForRecords: boolean, count: number): Promise<void> {
    this.#isHeld = true;
    try {
      await this.#pool.wait(bytes, isForRecords);
    } catch (error) {
      // Rows may have room where records have none.
      const entries = this.#pending.splice(0, count);
      const isRefused = (entry: PendingEntry) => entry.isNewRecord || !isForRecords;
      this.#pending.unshift(...entries.filter((entry) => !isRefused(entry)));
      for (const entry of entries) if (isRefused(entry)) entry.reject(error);
    }
    this.#isHeld = false;
    this.#start();
    this.#tellIdle();
  }

  /** Of the next block, if `entries` are in it. */
  #bytesWith(entries: readonly PendingEntry[]): number {
    const voidBytes = this.#voided.length * entryBytes(0);
    return blockBytes(entries.reduce((sum, entry) => sum + entry.bytes, voidBytes));
  }

  #begin(segment: Segment, entries: readonly PendingEntry[]): void {
    const voids = this.#voided.map((position) => PendingEntry.void(position));
    const all = [...voids, ...entries];
    const needed = this.#bytesWith(entries);
    const memory = needed <= MEMORY_BYTES ? this.#memory : Buffer.allocUnsafeSlow(needed);
    const position = this.#position + 1;
    const bytes = writeBlock(memory, segment.id, position, all);
    this.#underWay = { segment, position, entries, memory, bytes, begunMs: this.#options.clock.monotonicMs() };
    this.#doneBytes = 0;
    this.#pool.begin(segment);
    this.#writeOn(this.#underWay);
  }

  #writeOn(block: BlockUnderWay): void {
    const { segment, memory, bytes } = block;
    const done = this.#doneBytes;
    this.#write(
      segment.descriptor as number,
      memory,
      done,
      bytes - done,
      segment.writtenBytes + done,
      (error, written) => {
        if (error !== null) return this.#failed(block, error);
        if (written === 0) return this.#failed(block, new Error('the file system wrote nothing'));
        this.#doneBytes += written;
        if (this.#doneBytes < bytes) this.#writeOn(block);
        else this.#written(block);
      },
    );
  }

  #written(block: BlockUnderWay): void {
    const { segment, position, entries, bytes, begunMs } = block;
    this.commitSeconds.observe((this.#options.clock.monotonicMs() - begunMs) / 1_000);
    const refusal = this.#confirm(entries);
    this.#position = position;
    segment.writtenBytes += bytes;
    if (refusal === undefined) {
      this.#voided = [];
      segment.addBlock(position);
      for (const entry of entries) entry.enter(segment);
    } else {
      this.#voided = [...this.#voided, position];
      segment.voided.push(position);
    }
    this.#failure = undefined;
    this.#ended(segment, false);
    for (const entry of entries) {
      if (refusal === undefined) entry.resolve();
      else entry.reject(refusal.error);
    }
  }

  #failed(block: BlockUnderWay, error: unknown): void {
    const { segment, position, entries } = block;
    this.#position = position;
    this.#voided = [...this.#voided, position];
    segment.voided.push(position);
    this.#failure = error;
    this.#options.onFailed(error);
    const refused = [...entries, ...this.#pending];
    this.#pending = [];
    this.#ended(segment, true);
    for (const entry of refused) entry.reject(error);
  }

  /** The next one is on its way before anybody is told of this one. */
  #ended(segment: Segment, isFailed: boolean): void {
    this.#underWay = undefined;
    this.#pool.end(segment, isFailed);
    if (this.#pending.some((entry) => entry.isNewRecord)) this.#start();
    else if (this.#pending.length > 0) this.#rowsTimer ??= setTimeout(() => this.#start(), ROWS_WAIT_MS);
    this.#tellIdle();
  }

  #confirm(entries: readonly PendingEntry[]): { error: unknown } | undefined {
    if (!entries.some((entry) => entry.isNewRecord)) return undefined;
    try {
      this.#options.confirm();
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  #tellIdle(): void {
    if (this.#isHeld || this.#underWay !== undefined) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }
}
