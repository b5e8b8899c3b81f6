import { ENTRY_HEAD_BYTES, EntryKind } from './block-layout.js';
import type { BlockWriter } from './block-writer.js';
import { findBlocks, readEntries } from './find-blocks.js';
import { isCounted } from './manifest.js';
import { PendingEntry, type RecordPlace } from './pending-entry.js';
import type { Segment } from './segment.js';
import { readSegmentFile } from './segment-file.js';
import type { SegmentPool } from './segment-pool.js';

/** With no more in use, what is live stays where it is, unless there is no room for another. */
const FEW_SEGMENTS = 8;
/** Of the bytes in use as many are live at the least, or what is live is moved together; */
const LIVE_SHARE = 1 / 4;
/** and where there is no room, of those of each segment. */
const LIVE_SHARE_WITHOUT_ROOM = 1 / 2;

export interface CompactionParts {
  readonly pool: SegmentPool;
  readonly writer: BlockWriter;
  /** Where the record of that sequence stands; undefined when none is live. */
  readonly placeOf: (sequence: number) => RecordPlace | undefined;
}

/**
 * Moves what is live in sparse segments together, so that neither one record that cannot be sent nor small ones in whole
 * pages hold the disk. One segment at a time is read and written again, records with the same sequence as before.
 */
export class Compaction {
  readonly #parts: CompactionParts;
  #running: Promise<void> | undefined = undefined;
  #isAllowed = false;

  constructor(parts: CompactionParts) {
    this.#parts = parts;
  }

  /** The index has all that is live: it may be asked from now on. */
  begin(): void {
    this.#isAllowed = true;
    this.look();
  }

  /** Moves something if it is worth while. */
  look(): void {
    if (!this.#isAllowed || this.#running !== undefined) return;
    const segment = this.#sparsest();
    if (segment === undefined) return;
    this.#running = this.#run(segment);
  }

  /** Moves nothing any more; resolves when nothing is under way. */
  async end(): Promise<void> {
    this.#isAllowed = false;
    await this.#running;
  }

  /** The segment whose live records are best moved; undefined when there is no need. */
  #sparsest(): Segment | undefined {
    const { pool } = this.#parts;
    let count = 0;
    let bytes = 0;
    let liveBytes = 0;
    let sparsest: Segment | undefined;
    for (const segment of pool.closed) {
      if (segment.liveRecords === 0 || segment.isStuck) continue;
      // What is damaged is reported at every start until nothing of it is needed.
      if (segment.isDamaged) return segment;
      count++;
      bytes += segment.bytes;
      liveBytes += segment.liveBytes;
      if (sparsest === undefined || shareOf(segment) < shareOf(sparsest)) sparsest = segment;
    }
    if (sparsest === undefined) return undefined;
    if (count > FEW_SEGMENTS && liveBytes < LIVE_SHARE * bytes) return sparsest;
    return shareOf(sparsest) < LIVE_SHARE_WITHOUT_ROOM && pool.isWithoutRoom ? sparsest : undefined;
  }

  async #run(segment: Segment): Promise<void> {
    // Not within the call that found it worth while.
    await new Promise(setImmediate);
    const isDone = await this.#empty(segment);
    this.#running = undefined;
    if (isDone) this.look();
  }

  async #empty(segment: Segment): Promise<boolean> {
    try {
      await Promise.all(this.#moves(segment));
      if (segment.liveRecords > 0) segment.isStuck = true;
      // Nobody else says so of what was moved.
      else this.#parts.pool.released(segment);
      return true;
    } catch {
      // For want of room, or as nothing can be written: what was not moved stays, until there is another reason to look.
      return false;
    }
  }

  /** @throws Error when the file cannot be read */
  #moves(segment: Segment): Promise<void>[] {
    const { placeOf, pool, writer } = this.#parts;
    const { bytes } = readSegmentFile(pool.directory, segment.fileName);
    const moves: Promise<void>[] = [];
    for (const block of findBlocks(bytes, segment.id, (position) => isCounted(segment, position))) {
      readEntries(bytes, block, {
        entry: ({ kind, number, payloadBytes, checksum }, at) => {
          const place = kind === EntryKind.record ? placeOf(number) : undefined;
          if (place?.segment !== segment) return;
          const record = new Uint8Array(bytes.subarray(at + ENTRY_HEAD_BYTES, at + ENTRY_HEAD_BYTES + payloadBytes));
          moves.push(writer.add(PendingEntry.record(number, record, place, checksum, segment)));
        },
        damaged: () => {},
      });
    }
    return moves;
  }
}

function shareOf({ liveBytes, bytes }: Segment): number {
  return liveBytes / bytes;
}
