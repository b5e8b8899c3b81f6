import type { Checkpoint } from './manifest.js';
import type { Segment } from './segment.js';
import type { SegmentDirectory } from './segment-file.js';
import { NoRoomError, type SpareOptions, SpareSegments } from './spare-segments.js';

/** Spares that are to be ready: one to go on with, and the last one, which is for rows and voids alone. */
const SPARES_WANTED = 2;
/** Free segments that are kept while the disk has room; more are deleted. */
const MOST_SPARES = 8;
/** Files that stay open when they are full: they are used again whatever becomes of their names. */
const MOST_OPEN = 64;
/** Segments with nothing live in them that wait for a checkpoint which somebody else needs. */
const MOST_FREEABLE = 8;

export interface SegmentPoolOptions extends SpareOptions {
  /** Told, in a task of its own, that a checkpoint would help; not again before that is over. */
  readonly onShort: () => void;
  /** Told of each segment that is not written any more. */
  readonly onClosed: () => void;
}

/** Who waits for a segment, and for what. */
interface Waiter {
  readonly blockBytes: number;
  readonly isForRecords: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The segments: those that hold something, the one that is written, and spares. A segment goes round: it is a spare, is
 * written to its end, waits until nothing in it is live, and is a spare again when a checkpoint without it is on disk. A
 * new one is a spare when a checkpoint that lists it is.
 */
export class SegmentPool {
  readonly #options: SegmentPoolOptions;
  readonly #spares: SpareSegments;
  readonly #closed = new Set<Segment>();
  #current: Segment | undefined = undefined;
  /** Where a block is on its way to. */
  #busy: Segment | undefined = undefined;
  /** Whether the current one was the last spare. */
  #isReserve = false;
  /** By the checkpoint under way. */
  #freeing: readonly Segment[] = [];
  #waiter: Waiter | undefined = undefined;
  #checkpoint: 'none' | 'asked' | 'under way' = 'none';
  /** Nothing is made or asked for before all is read back, nor after the end. */
  #isOpen = false;

  /** @param closed those that were read back */
  constructor(options: SegmentPoolOptions, closed: readonly Segment[], lastId: number) {
    this.#options = options;
    this.#spares = new SpareSegments(options, lastId, () => this.#look());
    for (const segment of closed) this.#closed.add(segment);
  }

  /** Of a usual segment. */
  get segmentBytes(): number {
    return this.#options.segmentBytes;
  }

  /** The one that blocks go to. */
  get current(): Segment | undefined {
    return this.#current;
  }

  /** Where the files are. @throws MovedFileError when that is not to be found any more */
  get directory(): string {
    return this.#spares.directory;
  }

  /** Takes spares that were read back, and makes those that are missing, as far as there is room. */
  async prepare(directory: SegmentDirectory, spares: readonly Segment[]): Promise<void> {
    this.#spares.begin(directory);
    for (const segment of spares) await this.#spares.add(segment);
    while (this.#missing > 0 && this.#spares.mayMake(0)) await this.#spares.make(0);
    this.#isOpen = true;
    this.#look();
  }

  /**
   * The segment that a block of so many bytes goes to; undefined when none is ready.
   * @param isForRecords whether it takes room that only a settlement gives back
   */
  segmentFor(blockBytes: number, isForRecords: boolean): Segment | undefined {
    if (blockBytes > this.#options.segmentBytes) return this.#spares.take(blockBytes);
    if (this.#fitsCurrent(blockBytes, isForRecords)) return this.#current;
    const { count } = this.#spares;
    if (count <= (isForRecords ? 1 : 0)) return undefined;
    this.#close(this.#current);
    this.#current = this.#spares.take(blockBytes);
    this.#isReserve = count === 1;
    this.#look();
    return this.#current;
  }

  /** Resolves when {@link SegmentPool.segmentFor} has one; rejects when none can be made. One at a time may wait. */
  wait(blockBytes: number, isForRecords: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiter = { blockBytes, isForRecords, resolve, reject };
      this.#look();
    });
  }

  /** Nobody waits any more: who did is told `error`. */
  endWait(error: unknown): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.reject(error);
  }

  /** Whether a block of so many bytes with records has room, now or in a moment. */
  takes(blockBytes: number): boolean {
    if (this.#hasFor(blockBytes, true)) return true;
    const isLarge = blockBytes > this.#options.segmentBytes;
    // A full one is among those that what is live can be moved out of.
    if (!isLarge && this.#current?.fits(blockBytes) === false && this.#busy === undefined) this.#close(this.#current);
    this.#look();
    const { count, unlisted, isMaking } = this.#spares;
    if (!isLarge && count + unlisted.length + this.#freeable(blockBytes, true) >= SPARES_WANTED) return true;
    return isMaking || this.#spares.mayMake(blockBytes);
  }

  /** A segment for a block that cannot wait for a manifest that lists it; undefined when none can be made. */
  async segmentAtOnce(blockBytes: number): Promise<Segment | undefined> {
    if (this.#current?.fits(blockBytes) === true) return this.#current;
    this.#close(this.#current);
    this.#current = await this.#spares.takeAtOnce();
    this.#isReserve = this.#spares.count === 0;
    return this.#current;
  }

  /** A block is on its way to `segment`. */
  begin(segment: Segment): void {
    this.#busy = segment;
  }

  /**
   * It no longer is.
   * @param isFailed whether it may not be there as it was written: then nothing is written to the segment any more
   */
  end(segment: Segment, isFailed: boolean): void {
    this.#busy = undefined;
    if (isFailed) segment.isDoomed = true;
    if (isFailed || segment !== this.#current) this.#close(segment);
    if (this.#waiter !== undefined) this.#look();
  }

  /** Something in `segment` is no longer live. */
  released(segment: Segment): void {
    if (!segment.isNeeded && segment !== this.#current) this.#look();
  }

  /** Those that hold something and are not written any more, in the order in which they were begun. */
  get closed(): Iterable<Segment> {
    return this.#closed;
  }

  /** Whether there is no room for more segments, though more are needed. */
  get isWithoutRoom(): boolean {
    return this.#missing > 0 && !this.#options.hasRoomFor(this.#options.segmentBytes);
  }

  /**
   * What is to be written down now. Whatever stands in blocks up to its position has to be in LMDB with it, or before. It
   * must not wait for anything that the log was given. At most one at a time.
   * @param position of the last block on disk
   */
  checkpoint(position: number): Checkpoint {
    if (this.#checkpoint === 'under way') throw new Error('a checkpoint of the journal is under way');
    this.#checkpoint = 'under way';
    if (this.#isFree(this.#current)) this.#close(this.#current);
    const freed = [...this.#closed].filter((segment) => !segment.isNeeded);
    for (const segment of freed) this.#closed.delete(segment);
    this.#freeing = freed;
    const most = this.#isTight ? SPARES_WANTED : MOST_SPARES;
    const surplus = this.#spares.surplus(most, this.#waiter !== undefined);
    const dropped = [...surplus];
    const reused: Segment[] = [];
    for (const segment of freed) {
      const isUsual = segment.bytes === this.#options.segmentBytes && !segment.isDoomed && !segment.isDamaged;
      const isKept = isUsual && this.#spares.count + reused.length < most;
      if (isKept) reused.push(segment.unused());
      else dropped.push(segment);
    }
    const listed = [...this.#spares.unlisted];
    const segments = [...this.#inUse(), ...this.#spares.all(), ...reused].map(({ state }) => state);
    return {
      manifest: { position, segments },
      committed: () => this.#committed(reused, dropped, listed),
      failed: () => this.#failed(surplus),
    };
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#close(this.#current);
    for (const segment of this.#closed) await segment.closeFile();
    await this.#spares.end();
  }

  #committed(reused: readonly Segment[], dropped: readonly Segment[], listed: readonly Segment[]): void {
    this.#checkpoint = 'none';
    this.#freeing = [];
    for (const segment of dropped) this.#spares.delete(segment);
    this.#spares.listed(listed);
    for (const segment of reused) void this.#spares.add(segment);
    this.#look();
  }

  #failed(surplus: readonly Segment[]): void {
    this.#checkpoint = 'none';
    for (const segment of this.#freeing) this.#closed.add(segment);
    this.#freeing = [];
    this.#spares.giveBack(surplus);
    this.endWait(new Error('the checkpoint that would have given the journal room has failed'));
  }

  #hasFor(blockBytes: number, isForRecords: boolean): boolean {
    if (blockBytes > this.#options.segmentBytes) return this.#spares.has(blockBytes);
    return this.#fitsCurrent(blockBytes, isForRecords) || this.#spares.count > (isForRecords ? 1 : 0);
  }

  #fitsCurrent(blockBytes: number, isForRecords: boolean): boolean {
    const isHeld = isForRecords && this.#isReserve && this.#spares.count === 0;
    return this.#current?.fits(blockBytes) === true && !isHeld;
  }

  /** Sees to what is short, and to who waits. */
  #look(): void {
    if (!this.#isOpen) return;
    const waiter = this.#waiter;
    if (waiter !== undefined && this.#hasFor(waiter.blockBytes, waiter.isForRecords)) {
      this.#waiter = undefined;
      waiter.resolve();
    }
    const isComing = this.#provide();
    if (this.#waiter === undefined || isComing) return;
    this.endWait(this.#spares.failure ?? new NoRoomError());
  }

  /** Has made or freed what is missing. @returns whether something is on its way */
  #provide(): boolean {
    const blockBytes = this.#waiter?.blockBytes ?? 0;
    const freeable = this.#freeable(blockBytes, this.#waiter?.isForRecords === true);
    const isMissing = this.#waiter !== undefined || this.#missing > 0;
    const isUseful = freeable > MOST_FREEABLE || (freeable > 0 && (isMissing || this.#isTight));
    const isSurplus = this.#spares.count > SPARES_WANTED && this.#isTight;
    if (this.#spares.unlisted.length > 0 || isUseful || isSurplus) {
      if (this.#checkpoint !== 'none') return true;
      this.#checkpoint = 'asked';
      queueMicrotask(this.#options.onShort);
      return true;
    }
    if (this.#spares.isBusy) return true;
    if (!isMissing) return false;
    if (!this.#spares.mayMake(blockBytes)) return this.#checkpoint !== 'none';
    void this.#spares.make(blockBytes);
    return true;
  }

  /** Segments that a checkpoint would free, the current one among them if it is of no use to such a block. */
  #freeable(blockBytes: number, isForRecords: boolean): number {
    let count = this.#isFree(this.#current) && !this.#fitsCurrent(blockBytes, isForRecords) ? 1 : 0;
    for (const { isNeeded } of this.#closed) if (!isNeeded) count++;
    return count;
  }

  get #missing(): number {
    return SPARES_WANTED - this.#spares.count - this.#spares.unlisted.length;
  }

  /** Whether the disk needs all the room it can get. */
  get #isTight(): boolean {
    return !this.#options.hasRoomFor(0);
  }

  /** Whether nothing in the one that is written is live, nor on its way there. */
  #isFree(current: Segment | undefined): boolean {
    return current !== undefined && current.writtenBytes > 0 && current.liveRecords === 0 && current !== this.#busy;
  }

  #close(segment: Segment | undefined): void {
    if (segment === undefined) return;
    if (segment === this.#current) this.#current = undefined;
    if (this.#closed.has(segment)) return;
    if (this.#closed.size >= MOST_OPEN) void segment.closeFile();
    this.#closed.add(segment);
    this.#options.onClosed();
  }

  *#inUse(): Iterable<Segment> {
    yield* this.#closed;
    if (this.#current !== undefined) yield this.#current;
    if (this.#busy !== undefined && this.#busy !== this.#current && !this.#closed.has(this.#busy)) yield this.#busy;
  }
}
