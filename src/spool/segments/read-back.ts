import { existsSync, readdirSync } from 'node:fs';
import { ENTRY_HEAD_BYTES, type EntryHead, EntryKind } from './block-layout.js';
import { type FoundBlock, findBlocks, isCutOff, readEntries } from './find-blocks.js';
import { isCounted, type Manifest, type SegmentState } from './manifest.js';
import { RecoveredRecords } from './recovered-records.js';
import { idOfSegmentFile, Segment, segmentFileName } from './segment.js';
import { readSegmentFile, type SegmentImage, UNFINISHED } from './segment-file.js';

/** Something in the journal that cannot be read back. */
export interface DamagedItem {
  /** In words for a log. */
  readonly reason: string;
  /** As they stand. */
  readonly bytes: Buffer;
  /** Where it stands: the same at every start, and of nothing else ever. */
  readonly name: string;
  /** Whether it is of a write that was cut off, as when the power goes: nobody was answered for what is in it. */
  readonly isCutOff: boolean;
}

/** Keeps a copy. Resolves to whether that is on stable storage: until then the file is kept that it was made from. */
export type OnDamaged = (item: DamagedItem) => Promise<boolean>;

/** A redo row as it was noted. */
export interface RecoveredRow {
  readonly table: number;
  readonly key: Buffer;
  readonly value: Buffer;
  /** Of its block. */
  readonly position: number;
}

export interface ReadBackOptions {
  /** Of the segments. */
  readonly directory: string;
  /** Undefined when there is none, or it cannot be read: then all that is found counts. */
  readonly manifest: Manifest | undefined;
  readonly onDamaged: OnDamaged;
}

/** Something damaged in a block that may turn out not to count. */
interface DamagedPlace {
  readonly segment: Segment;
  readonly block: FoundBlock;
  readonly at: number;
  readonly bytes: number;
  readonly head: EntryHead | undefined;
}

/**
 * Reads the journal back: all that counts in all its files. Nothing is written. Whatever should be there and is not, or
 * is not what it was, is reported.
 */
export class ReadBack {
  readonly #directory: string;
  readonly #manifest: Manifest | undefined;
  readonly #onDamaged: OnDamaged;
  /** Those in which something counts, in the order in which they were begun. */
  readonly closed: Segment[] = [];
  /** Those in which nothing does. */
  readonly spares: Segment[] = [];
  /** Files of `closed` that hold what no manifest knows of. */
  readonly unsynced: Segment[] = [];
  /** Files that are of no use. */
  readonly leftovers: string[] = [];
  readonly records: RecoveredRecords;
  rows: RecoveredRow[] = [];
  /** The highest that a record was given, 0 when none was. */
  lastSequence = 0;
  /** Of the last block, counted or not. */
  position: number;
  lastId = 0;
  readonly #damaged: DamagedPlace[] = [];
  /** Positions of blocks that a later one says do not count. */
  readonly #voided = new Set<number>();
  /** Where the blocks above the manifest's position were found. */
  readonly #found = new Map<number, Segment>();

  constructor({ directory, manifest, onDamaged }: ReadBackOptions) {
    this.#directory = directory;
    this.#manifest = manifest;
    this.#onDamaged = onDamaged;
    this.position = manifest?.position ?? 0;
    this.records = new RecoveredRecords(directory, (segment, position, at) => {
      this.#report(placeName(segment, position, at), 'a record could be read at first, and then could not');
    });
    this.#readFiles();
    this.records.arrange(this.#voided);
    this.#dropVoided();
    this.#reportGaps();
    this.#reportDamaged();
    this.closed.sort((a, b) => a.first - b.first);
  }

  #readFiles(): void {
    const listed = new Map(this.#manifest?.segments.map((state) => [state.id, state]));
    for (const name of namesIn(this.#directory)) {
      if (name.endsWith(UNFINISHED)) this.leftovers.push(name);
      const id = idOfSegmentFile(name);
      if (id === undefined) continue;
      this.lastId = Math.max(this.lastId, id);
      const image = this.#open(name);
      if (image === undefined) continue;
      this.#readSegment(id, image, listed.get(id));
      listed.delete(id);
    }
    for (const { id } of listed.values()) {
      this.lastId = Math.max(this.lastId, id);
      this.#report(segmentFileName(id), 'a file of the journal is gone, and what it held with it');
    }
  }

  #open(name: string): SegmentImage | undefined {
    try {
      return readSegmentFile(this.#directory, name);
    } catch {
      // Then it is as good as gone, and reported if it should be there.
      return undefined;
    }
  }

  #readSegment(id: number, { bytes, fileBytes }: SegmentImage, state: SegmentState | undefined): void {
    const segment = new Segment(id, state?.bytes ?? fileBytes);
    segment.voided = [...(state?.voided ?? [])];
    if (fileBytes !== segment.bytes) {
      segment.isDamaged = true;
      this.#report(segment.fileName, `a file of the journal has ${fileBytes} bytes and not ${segment.bytes}`);
    }
    const blocks = this.#blocksOf(bytes, id, state);
    for (const block of blocks) this.#readBlock(segment, bytes, block);
    this.#reportMissing(segment, state, blocks);
    if (blocks.length > 0 || segment.isDamaged) this.closed.push(segment);
    else if (state !== undefined) this.spares.push(segment);
    else this.leftovers.push(segment.fileName);
    if (blocks.some(({ position }) => this.#found.has(position))) this.unsynced.push(segment);
  }

  #blocksOf(bytes: Buffer, id: number, state: SegmentState | undefined): FoundBlock[] {
    const manifest = this.#manifest;
    if (manifest === undefined) {
      // The first block is of the last use of the file; what is of earlier ones has lower positions.
      const blocks = findBlocks(bytes, id, () => true);
      const first = blocks[0]?.position ?? 0;
      return blocks.filter(({ position }) => position >= first);
    }
    const isListed = (position: number) => state !== undefined && isCounted(state, position);
    return findBlocks(bytes, id, (position) => position > manifest.position || isListed(position));
  }

  #readBlock(segment: Segment, bytes: Buffer, block: FoundBlock): void {
    const { position } = block;
    segment.addBlock(position);
    const isNew = this.#manifest === undefined || position > this.#manifest.position;
    if (isNew) this.#found.set(position, segment);
    this.position = Math.max(this.position, position);
    readEntries(bytes, block, {
      entry: (head, at) => this.#takeEntry(segment, bytes, position, head, at, isNew),
      damaged: (at, length, head) => {
        if (head?.kind === EntryKind.record) this.lastSequence = Math.max(this.lastSequence, head.number);
        // A row of an older block is in LMDB.
        if (head?.kind === EntryKind.row && !isNew) return;
        segment.isDamaged = true;
        this.#damaged.push({ segment, block, at, bytes: length, head });
      },
    });
  }

  #takeEntry(
    segment: Segment,
    bytes: Buffer,
    position: number,
    { kind, table, number, payloadBytes }: EntryHead,
    at: number,
    isNew: boolean,
  ): void {
    const payload = at + ENTRY_HEAD_BYTES;
    if (kind === EntryKind.void) {
      this.#voided.add(number);
      this.position = Math.max(this.position, number);
    } else if (kind === EntryKind.record) {
      this.lastSequence = Math.max(this.lastSequence, number);
      this.records.add(number, position, segment, at, payloadBytes);
    } else if (isNew) {
      const key = Buffer.from(bytes.subarray(payload, payload + number));
      const value = Buffer.from(bytes.subarray(payload + number, payload + payloadBytes));
      this.rows.push({ table, key, value, position });
    }
  }

  #dropVoided(): void {
    for (const position of this.#voided) {
      const segment = this.#found.get(position);
      if (segment === undefined) continue;
      segment.blocks--;
      segment.voided.push(position);
    }
    const counts = ({ position }: RecoveredRow) => !this.#voided.has(position);
    this.rows = this.rows.filter(counts).sort((a, b) => a.position - b.position);
  }

  /** Of what was there at the last checkpoint. */
  #reportMissing(segment: Segment, state: SegmentState | undefined, blocks: readonly FoundBlock[]): void {
    const { first, last, blocks: expected } = state ?? { first: 0, last: 0, blocks: 0 };
    const found = blocks.filter(({ position }) => position >= first && position <= last).length;
    if (found >= expected) return;
    segment.isDamaged = true;
    const name = `${segment.fileName}, blocks ${first} to ${last}`;
    this.#report(name, `${expected - found} of the blocks of the journal cannot be found`);
  }

  /** Of what came after it: positions rise by one, whatever the segment. */
  #reportGaps(): void {
    if (this.#manifest === undefined) return;
    let before = this.#manifest.position;
    for (const position of [...this.#found.keys(), ...this.#voided].sort((a, b) => a - b)) {
      if (position > before + 1) {
        const name = `blocks ${before + 1} to ${position - 1}`;
        this.#report(name, `${position - 1 - before} of the blocks of the journal cannot be found`);
      }
      before = Math.max(before, position);
    }
  }

  #reportDamaged(): void {
    let image: SegmentImage | undefined;
    let imageOf: Segment | undefined;
    for (const { segment, block, at, bytes, head } of this.#damaged) {
      const { position } = block;
      const isThere = head?.kind === EntryKind.record && this.records.has(head.number);
      if (isThere || this.#voided.has(position)) continue;
      if (imageOf !== segment) image = this.#open(segment.fileName);
      imageOf = segment;
      const what = head?.kind === EntryKind.record ? `record ${head.number}` : 'an entry';
      const item = {
        name: placeName(segment, position, at),
        reason: `the checksum of ${what} of the journal does not match`,
        bytes: Buffer.from(image?.bytes.subarray(at, at + bytes) ?? []),
        isCutOff: false,
      };
      this.#keepCopy(segment, this.#isLast(position) ? lastItem(item, image, segment, block) : item);
    }
  }

  /** Whether it is of the last write there was, of which no later one says that it was over. */
  #isLast(position: number): boolean {
    return position === this.position && position > (this.#manifest?.position ?? 0);
  }

  #keepCopy(segment: Segment, item: DamagedItem): void {
    segment.awaitedCopies++;
    void this.#onDamaged(item).then((isKept) => {
      if (isKept) segment.awaitedCopies--;
    });
  }

  #report(name: string, reason: string): void {
    void this.#onDamaged({ name, reason, bytes: Buffer.alloc(0), isCutOff: false });
  }
}

/** The same item where it is of the last write, which may have been cut off. */
function lastItem(item: DamagedItem, image: SegmentImage | undefined, { id }: Segment, block: FoundBlock): DamagedItem {
  if (image?.isRead === true && isCutOff(image.bytes, id, block)) {
    return { ...item, reason: 'the last write was cut off; nobody was answered for what was in it', isCutOff: true };
  }
  return { ...item, reason: `${item.reason}; if its write was cut off, nobody was answered for it` };
}

function placeName(segment: Segment, position: number, at: number): string {
  return `${segment.fileName}, block ${position}, byte ${at}`;
}

/** Names of files, none where there is no directory. */
function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}
