import { fstatSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { makeDirectory } from '../../core/machine/make-directory.js';
import type { Distribution } from '../../core/metering/meters.js';
import type { Clock } from '../../core/time/clock.js';
import { blockBytes, entryBytes } from './block-layout.js';
import { BlockWriter, type WriteCall } from './block-writer.js';
import { Compaction } from './compaction.js';
import type { Checkpoint, Manifest } from './manifest.js';
import { PendingEntry, type RecordPlace } from './pending-entry.js';
import { type DamagedItem, type OnDamaged, ReadBack, type RecoveredRow } from './read-back.js';
import type { RecoveredRecord } from './recovered-records.js';
import type { Segment } from './segment.js';
import { deleteFile, SegmentDirectory, syncDirectory, syncSegmentFile } from './segment-file.js';
import { SegmentPool } from './segment-pool.js';

/** Length of a segment: what 1,000 commits of a page fill, and what is read at once when one is read back. */
export const SEGMENT_BYTES = 4 * 1024 * 1024;
/** A segment of which less is live may be worth emptying. */
const SPARSE_SHARE = 1 / 4;

export interface SegmentLogOptions {
  /** Of the segments; made if it is not there. */
  readonly directory: string;
  /** Undefined when there is none yet, or it cannot be read: then all that is found counts. */
  readonly manifest: Manifest | undefined;
  /** What positions go on from at the least, where no manifest says it. */
  readonly positionAtLeast?: number;
  /** {@link SEGMENT_BYTES} unless given; a multiple of a page. */
  readonly segmentBytes?: number;
  readonly clock: Clock;
  /** Whether the disk has room for a file of so many bytes. */
  readonly hasRoomFor: (bytes: number) => boolean;
  /** Where the index of records has the record of that sequence; undefined when it does not wait. */
  readonly placeOf: (sequence: number) => RecordPlace | undefined;
  /** Asked when a block with records is on disk, before anybody is told; throws when it does not count after all. */
  readonly confirm?: () => void;
  readonly onDamaged: OnDamaged;
  /** A write or the making of a file failed, not for want of room: told before anybody else. */
  readonly onFailed: (error: unknown) => void;
  /** A checkpoint is wanted; told once until that is over. */
  readonly onShort: () => void;
  /** `fs.write` unless given. */
  readonly write?: WriteCall;
}

/** What was read back. */
export interface Recovered {
  /** In order of their sequences; read when they are asked for. */
  readonly records: Iterable<RecoveredRecord>;
  /** Of blocks above the manifest's position, in order. */
  readonly rows: readonly RecoveredRow[];
  /** Undefined when there is no record. Records that are settled, and not gone yet, count. */
  readonly firstSequence: number | undefined;
  /** The highest that was given to a record, readable or not; 0 when none was. */
  readonly lastSequence: number;
  /** Of the last block. */
  readonly position: number;
}

/** The file that is written now. */
export interface CurrentFile {
  /** Relative to the directory above that of the segments. */
  readonly name: string;
  readonly device: number;
  readonly inode: number;
}

/**
 * The journal: records, and rows that LMDB gets later, in files that were filled once and are written over again and
 * again. What is written together is one block, and one synced write that changes nothing but its bytes
 * (`block-layout.ts`).
 *
 * A promise that resolves says that what it is about is on stable storage; after whatever crash it is read back, or
 * reported as damaged. A record is read back until it was released and a checkpoint was committed after that, and may be
 * for longer; a row until a checkpoint was.
 */
export class SegmentLog {
  readonly #options: SegmentLogOptions;
  readonly #pool: SegmentPool;
  readonly #writer: BlockWriter;
  readonly #compaction: Compaction;
  #readBack: ReadBack | undefined;
  #recovered: Recovered | undefined;
  #currentFile: CurrentFile | undefined = undefined;
  #currentFileOf: Segment | undefined = undefined;

  private constructor(options: SegmentLogOptions, readBack: ReadBack) {
    const { positionAtLeast = 0, segmentBytes = SEGMENT_BYTES, clock, placeOf, confirm, onFailed } = options;
    this.#options = options;
    this.#readBack = readBack;
    const position = Math.max(readBack.position, positionAtLeast);
    const { records, rows, lastSequence } = readBack;
    this.#recovered = { records, rows, firstSequence: records.firstSequence, lastSequence, position };
    // Spares of another length are freed like the others, and then not kept.
    const others = readBack.spares.filter(({ bytes }) => bytes !== segmentBytes);
    // What was not worth while as long as it was written may be now.
    const poolOptions = { ...options, segmentBytes, onClosed: () => this.#compaction.look() };
    this.#pool = new SegmentPool(poolOptions, [...readBack.closed, ...others], readBack.lastId);
    const write = options.write === undefined ? {} : { write: options.write };
    this.#writer = new BlockWriter(this.#pool, position, {
      clock,
      confirm: confirm ?? (() => {}),
      onFailed,
      ...write,
    });
    this.#compaction = new Compaction({ placeOf, pool: this.#pool, writer: this.#writer });
  }

  /** Reads what is there; writes nothing. {@link SegmentLog.prepare} has to follow. */
  static open(options: SegmentLogOptions): SegmentLog {
    return new SegmentLog(options, new ReadBack(options));
  }

  /**
   * Makes the log ready to be written to, and sure of what was read back: a process that was killed leaves pages that were
   * written and never synced. To be awaited before the first checkpoint; want of room is no error.
   * @throws the error of the file system
   */
  async prepare(): Promise<void> {
    const { directory, segmentBytes = SEGMENT_BYTES } = this.#options;
    const { leftovers, spares, unsynced } = this.#readBack as ReadBack;
    this.#readBack = undefined;
    if (makeDirectory(directory)) await syncDirectory(dirname(directory));
    for (const { fileName } of unsynced) await syncSegmentFile(directory, fileName);
    for (const name of leftovers) await deleteFile(directory, name);
    await this.#pool.prepare(
      new SegmentDirectory(directory),
      spares.filter(({ bytes }) => bytes === segmentBytes),
    );
  }

  /** What the writes of blocks take. */
  get commitSeconds(): Distribution {
    return this.#writer.commitSeconds;
  }

  /** What was read back, until {@link SegmentLog.replayed}. */
  get recovered(): Recovered {
    if (this.#recovered === undefined) throw new Error('what was read back is forgotten');
    return this.#recovered;
  }

  /**
   * The index has all that waits: what was read back is forgotten, and records may be moved from now on. In a run that
   * does not come to it, none are.
   */
  replayed(): void {
    this.#recovered = undefined;
    this.#compaction.begin();
  }

  /**
   * Resolves when a record is on disk. Its bytes may not change before. What is added comes to disk in that order, and
   * mostly together: what a record must not be without is noted before it.
   * @param checksum CRC-32 of all bytes of the record, where it is known
   * @throws the error of the file system; one of code ENOSPC when there is no room, which is no failure
   */
  append(sequence: number, record: Uint8Array, place: RecordPlace, checksum?: number): Promise<void> {
    return this.#writer.add(PendingEntry.record(sequence, record, place, checksum));
  }

  /**
   * Resolves when a row is on disk; throws as {@link SegmentLog.append}. From this call on it has to be part of every
   * checkpoint, until one with it or with a later row of that key is committed.
   */
  note(table: number, key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.#writer.add(PendingEntry.row(table, key, value));
  }

  /** A record is settled, or has left: it need not be read back any more. */
  release(place: RecordPlace): void {
    const { segment } = place;
    if (segment === undefined) return;
    const limit = SPARSE_SHARE * segment.bytes;
    const wasSparse = segment.liveBytes < limit;
    place.segment = undefined;
    segment.dropLive(place.bytes);
    this.#pool.released(segment);
    if (!wasSparse && segment.liveBytes < limit) this.#compaction.look();
  }

  /** Whether there is room for a record of so many bytes, now or in a moment. */
  takes(recordBytes: number): boolean {
    const isTaken = this.#pool.takes(blockBytes(entryBytes(recordBytes)));
    if (!isTaken) this.#compaction.look();
    return isTaken;
  }

  /** Of the last block that is on disk, or that counts for nothing; the same is true of all before it. */
  get durablePosition(): number {
    return this.#writer.position;
  }

  /**
   * What a checkpoint has to write, together with all rows that were noted since the last one. One at a time. It must not
   * wait for anything that was given to the log, which may itself wait for the checkpoint.
   */
  checkpoint(): Checkpoint {
    const { manifest, committed, failed } = this.#pool.checkpoint(this.#writer.position);
    return {
      manifest,
      committed: () => {
        committed();
        this.#compaction.look();
      },
      failed,
    };
  }

  /**
   * To be called after a failure, of this or of another part of the spool, when the disk is to be tried again: resolves
   * when a block is on disk, in another segment if one had failed, that takes back what was refused. Nothing waits for a
   * checkpoint.
   * @throws the error of the file system: then nothing is taken, as before
   */
  recover(): Promise<void> {
    return this.#writer.recover();
  }

  /** Undefined when none is. */
  get currentFile(): CurrentFile | undefined {
    const segment = this.#pool.current;
    if (segment?.descriptor === undefined) return undefined;
    if (segment !== this.#currentFileOf) {
      const { dev, ino } = fstatSync(segment.descriptor);
      const name = `${basename(this.#options.directory)}/${segment.fileName}`;
      this.#currentFile = { name, device: dev, inode: ino };
      this.#currentFileOf = segment;
    }
    return this.#currentFile;
  }

  /** Writes what waits, and ends. Until it resolves, a checkpoint may be wanted. */
  async close(): Promise<void> {
    await this.#writer.close();
    await this.#compaction.end();
    await this.#pool.close();
  }
}

/**
 * Reads a journal that may be in motion, beside the process that writes it: what is damaged, or changes meanwhile, is
 * passed over.
 * @param onDamaged told of it, of a record at the latest when it is asked for
 */
export function readSegments(
  directory: string,
  manifest: Manifest | undefined,
  onDamaged: (item: DamagedItem) => void = () => {},
): Pick<Recovered, 'records' | 'rows'> {
  const told = async (item: DamagedItem) => {
    onDamaged(item);
    return true;
  };
  const { records, rows } = new ReadBack({ directory, manifest, onDamaged: told });
  return { records, rows };
}
