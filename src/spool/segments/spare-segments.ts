import type { Clock } from '../../core/time/clock.js';
import { isForRoom } from '../disk/disk-fault.js';
import { Segment } from './segment.js';
import { deleteFile, makeSegmentFile, openSegmentFile, type SegmentDirectory } from './segment-file.js';

/** After an attempt to make a segment that failed. */
const MAKE_AGAIN_MS = 1_000;

export interface SpareOptions {
  /** Length of a segment. Larger ones are made for one block that needs it, and not kept. */
  readonly segmentBytes: number;
  readonly clock: Clock;
  /** Whether the disk would not miss so many bytes. */
  readonly hasRoomFor: (bytes: number) => boolean;
  /** Told of a file that could not be made or opened, for another reason than room. */
  readonly onFailed: (error: unknown) => void;
}

/** No segment has room for a block, and none can be made. */
export class NoRoomError extends Error {
  override readonly name = 'NoRoomError';
  readonly code = 'ENOSPC';

  constructor() {
    super('ENOSPC: no room for another segment of the journal');
  }
}

/** The segments that nothing counts in, open and ready to be written, and the making of more. */
export class SpareSegments {
  readonly #options: SpareOptions;
  /** Told when something changed that was waited for. */
  readonly #onChange: () => void;
  /** Known once it is made. */
  #directory: SegmentDirectory | undefined = undefined;
  #ready: Segment[] = [];
  /** Listed, and not open yet. */
  readonly #opening = new Set<Segment>();
  /** Made since the last manifest. */
  #unlisted: Segment[] = [];
  #lastId = 0;
  /** What is under way: making, opening, deleting. */
  readonly #work = new Set<Promise<void>>();
  #isMaking = false;
  #failure: unknown = undefined;
  #makeAfterMs = Number.NEGATIVE_INFINITY;

  constructor(options: SpareOptions, lastId: number, onChange: () => void) {
    this.#options = options;
    this.#lastId = lastId;
    this.#onChange = onChange;
  }

  /** From now on files can be made, opened and deleted. */
  begin(directory: SegmentDirectory): void {
    this.#directory = directory;
  }

  /**
   * The directory of the files, so long as it stands under its name.
   * @throws MovedFileError
   */
  get directory(): string {
    const directory = this.#directory as SegmentDirectory;
    directory.assertInPlace();
    return directory.path;
  }

  /** Segments of the usual length that are ready. */
  get count(): number {
    return this.#ready.reduce((count, { isDoomed }) => (isDoomed ? count : count + 1), 0);
  }

  /** Those that were made, and are ready once a manifest that lists them is on disk. */
  get unlisted(): readonly Segment[] {
    return this.#unlisted;
  }

  /** Whether something is under way that may make one ready, or able to be listed. */
  get isBusy(): boolean {
    return this.#work.size > 0;
  }

  get isMaking(): boolean {
    return this.#isMaking;
  }

  /** Why the last attempt to make one failed; undefined when it did not, or it was for want of room. */
  get failure(): unknown {
    return this.#failure;
  }

  /** A segment that a block of so many bytes fits into. */
  take(blockBytes: number): Segment | undefined {
    const index = this.#indexFor(blockBytes);
    return index < 0 ? undefined : this.#ready.splice(index, 1)[0];
  }

  /** Whether there is one. */
  has(blockBytes: number): boolean {
    return this.#indexFor(blockBytes) >= 0;
  }

  /** A usual one, even if it is in no manifest yet; one is made if there is none. Undefined when that fails. */
  async takeAtOnce(): Promise<Segment | undefined> {
    if (this.#usual === undefined) await this.settled();
    if (this.#usual === undefined && this.mayMake(0)) await this.make(0);
    const segment = this.#usual;
    const isOther = (other: Segment) => other !== segment;
    this.#ready = this.#ready.filter(isOther);
    this.#unlisted = this.#unlisted.filter(isOther);
    return segment;
  }

  /** Whether it is worth while to {@link SpareSegments.make} a segment for a block of so many bytes. */
  mayMake(blockBytes: number): boolean {
    const { clock, hasRoomFor } = this.#options;
    return !this.#isMaking && clock.monotonicMs() >= this.#makeAfterMs && hasRoomFor(this.#bytesFor(blockBytes));
  }

  /** Makes a segment for a block of so many bytes, unless one is being made. Never rejects. */
  make(blockBytes: number): Promise<void> {
    return this.#isMaking ? Promise.resolve() : this.#during(this.#make(this.#bytesFor(blockBytes)));
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  /** Takes a segment that nothing counts in, and that is listed. */
  add(segment: Segment): Promise<void> {
    return this.#during(this.#open(segment));
  }

  /** Deletes the file of a segment that no manifest on disk lists. */
  delete(segment: Segment): void {
    void this.#during(this.#delete(segment));
  }

  /** `segments`, which were not listed, now are. */
  listed(segments: readonly Segment[]): void {
    for (const segment of segments) {
      const index = this.#unlisted.indexOf(segment);
      if (index >= 0) this.#ready.push(...this.#unlisted.splice(index, 1));
    }
  }

  /** Takes out what is not to be kept: all but `most`, and those that are larger than usual unless `isLargeWanted`. */
  surplus(most: number, isLargeWanted: boolean): readonly Segment[] {
    const isUsual = ({ isDoomed }: Segment) => !isDoomed;
    const [usual, large] = [this.#ready.filter(isUsual), this.#ready.filter(({ isDoomed }) => isDoomed)];
    this.#ready = [...usual.slice(0, most), ...(isLargeWanted ? large : [])];
    return [...usual.slice(most), ...(isLargeWanted ? [] : large)];
  }

  /** They are kept after all. */
  giveBack(surplus: readonly Segment[]): void {
    this.#ready.push(...surplus);
  }

  /** Of all that are to be listed. */
  *all(): Iterable<Segment> {
    yield* this.#ready;
    yield* this.#opening;
    yield* this.#unlisted;
  }

  /** Ends all that is under way, and closes the files. */
  async end(): Promise<void> {
    this.#makeAfterMs = Number.POSITIVE_INFINITY;
    await this.settled();
    for (const segment of this.all()) await segment.closeFile();
    this.#ready = [];
    this.#unlisted = [];
  }

  get #usual(): Segment | undefined {
    return [...this.#ready, ...this.#unlisted].find(({ isDoomed }) => !isDoomed);
  }

  #indexFor(blockBytes: number): number {
    const isLarge = blockBytes > this.#options.segmentBytes;
    return this.#ready.findIndex(({ isDoomed, bytes }) => isDoomed === isLarge && bytes >= blockBytes);
  }

  #bytesFor(blockBytes: number): number {
    return Math.max(blockBytes, this.#options.segmentBytes);
  }

  async #make(bytes: number): Promise<void> {
    this.#isMaking = true;
    const { segmentBytes, clock, onFailed } = this.#options;
    const segment = new Segment(++this.#lastId, bytes);
    segment.isDoomed = bytes > segmentBytes;
    try {
      segment.descriptor = await makeSegmentFile(this.directory, segment.fileName, bytes);
      this.#unlisted.push(segment);
      this.#failure = undefined;
    } catch (error) {
      this.#makeAfterMs = Math.max(this.#makeAfterMs, clock.monotonicMs() + MAKE_AGAIN_MS);
      this.#failure = isForRoom(error) ? undefined : error;
      if (this.#failure !== undefined) onFailed(error);
    }
    this.#isMaking = false;
  }

  async #open(segment: Segment): Promise<void> {
    this.#opening.add(segment);
    try {
      segment.descriptor ??= await openSegmentFile(this.directory, segment.fileName);
      this.#ready.push(segment);
    } catch (error) {
      this.#options.onFailed(error);
    }
    this.#opening.delete(segment);
  }

  async #delete(segment: Segment): Promise<void> {
    await segment.closeFile();
    try {
      await deleteFile(this.directory, segment.fileName);
    } catch {
      // It is not to be found any more: whoever finds it will delete it, as no manifest lists it.
    }
  }

  async #during(work: Promise<void>): Promise<void> {
    this.#work.add(work);
    await work;
    this.#work.delete(work);
    this.#onChange();
  }
}
