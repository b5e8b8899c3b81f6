import type { SegmentState } from './manifest.js';
import { closeSegmentFile } from './segment-file.js';

const NAME = /^(\d{6,})\.seg$/;

/** Name of the file of segment `id`. */
export function segmentFileName(id: number): string {
  return `${String(id).padStart(6, '0')}.seg`;
}

/** The number of the segment whose file has that name; undefined when it is not one. */
export function idOfSegmentFile(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  const id = Number(digits);
  return digits === undefined || segmentFileName(id) !== name ? undefined : id;
}

/** A file of the journal, and what is known of it in memory: a few numbers. */
export class Segment {
  readonly id: number;
  /** Length of its file. */
  readonly bytes: number;
  /** Positions of the first and last block that count; 0 when none does. */
  first = 0;
  last = 0;
  /** Blocks that count. */
  blocks = 0;
  /** Positions of blocks that are or may be in it, and do not count: they were refused. */
  voided: number[] = [];
  /** Records in it that are live here and nowhere else, and their bytes. */
  liveRecords = 0;
  liveBytes = 0;
  /** Copies of what is damaged in it that are not on disk: until they are, it is not written over. */
  awaitedCopies = 0;
  /** Where the next block goes. */
  writtenBytes = 0;
  /** Whether its file is to be deleted and not written again once nothing in it counts. */
  isDoomed = false;
  /** Whether something in it was damaged, so that what is live is better moved. */
  isDamaged = false;
  /** Whether what is live in it cannot be moved, since it could not be read back. */
  isStuck = false;
  /** Open for writing with data sync; undefined when it is not open. */
  descriptor: number | undefined = undefined;

  constructor(id: number, bytes: number) {
    this.id = id;
    this.bytes = bytes;
  }

  get fileName(): string {
    return segmentFileName(this.id);
  }

  /** Whether a block of so many bytes has room in it. */
  fits(bytes: number): boolean {
    return this.writtenBytes + bytes <= this.bytes;
  }

  /** A block of that position counts. */
  addBlock(position: number): void {
    if (this.first === 0) this.first = position;
    this.last = position;
    this.blocks++;
  }

  /** Whether it may not be written over, or deleted. */
  get isNeeded(): boolean {
    return this.liveRecords > 0 || this.awaitedCopies > 0;
  }

  addLive(bytes: number): void {
    this.liveRecords++;
    this.liveBytes += bytes;
  }

  dropLive(bytes: number): void {
    this.liveRecords--;
    this.liveBytes -= bytes;
  }

  /** The same file with nothing in it that counts. */
  unused(): Segment {
    const segment = new Segment(this.id, this.bytes);
    segment.descriptor = this.descriptor;
    return segment;
  }

  /** Closes its file if it is open; what was written to it is on disk. */
  async closeFile(): Promise<void> {
    const { descriptor } = this;
    this.descriptor = undefined;
    if (descriptor !== undefined) await closeSegmentFile(descriptor);
  }

  /** As the manifest lists it. */
  get state(): SegmentState {
    const { id, bytes, first, last, blocks, voided } = this;
    return { id, bytes, first, last, blocks, voided: [...voided] };
  }
}
