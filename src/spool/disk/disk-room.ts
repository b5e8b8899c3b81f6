import { randomFillSync } from 'node:crypto';
import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../core/time/clock.js';
import { PIECE_FILE_NAME } from '../backlog/piece-file.js';
import { DATA_FILE } from '../lmdb/data-file.js';

const RESERVE_FILE_NAME = 'reserve';
const MEBIBYTE = 1024 * 1024;
/** More than what a transaction writes, by far: each row changes a handful of pages of 4 KiB. */
const RESERVE_BYTES = 2 * MEBIBYTE;
/** With less room, on the disk and inside the data file, new records are refused; */
const CLOSE_BELOW_BYTES = 4 * MEBIBYTE;
/** and taken again with more, so that one piece more or less does not open and close the intake in turns. */
const OPEN_ABOVE_BYTES = 8 * MEBIBYTE;
/** Room that a settlement must find before it is written. */
const SETTLE_ABOVE_BYTES = MEBIBYTE / 4;
/** How long what was seen of the disk is trusted: others write to it too. */
const TRUSTED_MS = 20;
/** How often a closed intake looks whether it may open. */
const LOOK_AFTER_MS = 1_000;

export interface DiskReserveOptions {
  readonly directory: string;
  readonly clock: Clock;
  /** Bytes that the spool can still grow by on its disk. */
  readonly diskBytes: () => number;
  /** Bytes inside the data file that are free for the next records. */
  readonly freeBytes: () => number;
}

/**
 * Keeps LMDB from finding the disk full. It has to write a little before it can free anything, so without room held back
 * what is stored could not be moved or settled; and when a write fails, lmdb-js 3.5 prints what it tried into 100 bytes of
 * heap that are too few for it (`mdb.c`: `last_error`), which can end the process. So new records are refused while there
 * is still some room, and the journal takes none of it for new segments. What is held back for settlements and checkpoints
 * is a file, to be given away on the day it is needed; after that day LMDB keeps the disk for itself, and room is what is
 * free inside its own file.
 */
export class DiskReserve {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #diskBytes: () => number;
  readonly #freeBytes: () => number;
  #isFileHeld: boolean;
  #isClosed = true;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** As of {@link DiskReserve.hasRoomFor}, which is asked in rows. */
  #seenBytes = 0;
  #seenAtMs = Number.NEGATIVE_INFINITY;

  constructor({ directory, clock, diskBytes, freeBytes }: DiskReserveOptions) {
    this.#file = join(directory, RESERVE_FILE_NAME);
    this.#clock = clock;
    this.#diskBytes = diskBytes;
    this.#freeBytes = freeBytes;
    this.#isFileHeld = this.#isFileThere();
  }

  /** While it is, nothing new may be stored. */
  get isClosed(): boolean {
    if (this.#isOlderThan(this.#isClosed ? LOOK_AFTER_MS : TRUSTED_MS)) this.#look();
    return this.#isClosed;
  }

  /** Whether so many bytes of the disk may be taken for the records that come. */
  hasRoomFor(bytes: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#seenAtMs >= TRUSTED_MS) {
      this.#seenBytes = this.#diskBytes();
      this.#seenAtMs = nowMs;
    }
    return this.#seenBytes - bytes >= OPEN_ABOVE_BYTES;
  }

  /** Whether something may be written that frees more than it takes; gives the reserve away if that is needed. */
  takesSettlement(): boolean {
    if (!this.#isClosed && !this.#isOlderThan(TRUSTED_MS)) return true;
    if (this.#roomBytes(SETTLE_ABOVE_BYTES) >= SETTLE_ABOVE_BYTES) return true;
    if (!this.#isFileHeld) return false;
    this.#spend();
    return true;
  }

  /** Says that the disk had no room after all. */
  close(): void {
    this.#isClosed = true;
    this.#lookedAtMs = this.#clock.monotonicMs();
  }

  #spend(): void {
    this.close();
    this.#isFileHeld = false;
    this.#removeFile();
  }

  #look(): void {
    this.#lookedAtMs = this.#clock.monotonicMs();
    if (!this.#isFileHeld && this.#diskBytes() >= RESERVE_BYTES + OPEN_ABOVE_BYTES) this.#holdFile();
    const neededBytes = this.#isClosed ? OPEN_ABOVE_BYTES : CLOSE_BELOW_BYTES;
    const roomBytes = this.#roomBytes(neededBytes);
    this.#isClosed = roomBytes < neededBytes;
  }

  /** What there is on the disk, and inside the data file too if the disk alone has less than is needed. */
  #roomBytes(neededBytes: number): number {
    const onDiskBytes = this.#diskBytes();
    return onDiskBytes >= neededBytes ? onDiskBytes : onDiskBytes + this.#freeBytes();
  }

  #isOlderThan(ms: number): boolean {
    return this.#clock.monotonicMs() - this.#lookedAtMs >= ms;
  }

  #isFileThere(): boolean {
    const stat = statSync(this.#file, { throwIfNoEntry: false });
    return stat !== undefined && stat.size === RESERVE_BYTES && stat.blocks * 512 >= RESERVE_BYTES;
  }

  #holdFile(): void {
    try {
      const descriptor = openSync(this.#file, 'w', 0o600);
      try {
        // A file system that compresses would hold back nothing for zeros.
        const bytes = randomFillSync(Buffer.allocUnsafe(RESERVE_BYTES));
        for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
        ftruncateSync(descriptor, RESERVE_BYTES);
        fdatasyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      this.#isFileHeld = true;
    } catch {
      // The room was taken by somebody else meanwhile; the next look tries again.
      this.#removeFile();
    }
  }

  #removeFile(): void {
    try {
      rmSync(this.#file, { force: true });
    } catch {
      // A disk that takes no change at all: what is written next tells of it (`disk-health.ts`).
    }
  }
}

/** What the kernel says of this process; the first figure of the line is the limit in force. */
const LIMITS_FILE = '/proc/self/limits';
const FILE_SIZE_LIMIT = /^Max file size\s+(\d+)\s/m;

const FILE_SIZE_LIMIT_BYTES = fileSizeLimitBytes();

/**
 * How many bytes the spool in `directory` can still grow by: what the disk has left, or what the limit on the size of a
 * file (`ulimit -f`, RLIMIT_FSIZE) leaves its longest file, whichever is less.
 */
export function diskRoomBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  const diskBytes = bavail * bsize;
  if (FILE_SIZE_LIMIT_BYTES === Number.POSITIVE_INFINITY) return diskBytes;
  const longestBytes = Math.max(fileBytes(directory, DATA_FILE), fileBytes(directory, PIECE_FILE_NAME));
  return Math.min(diskBytes, FILE_SIZE_LIMIT_BYTES - longestBytes);
}

function fileSizeLimitBytes(): number {
  try {
    const limit = FILE_SIZE_LIMIT.exec(readFileSync(LIMITS_FILE, 'latin1'))?.[1];
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    // No such file outside Linux, where a limit shows as EFBIG at the latest.
    return Number.POSITIVE_INFINITY;
  }
}

function fileBytes(directory: string, name: string): number {
  return statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
}

interface FileStats extends TreeStats {
  readonly free: TreeStats;
  readonly root: TreeStats;
  readonly lastPageNumber: number;
}

/** The two pages at the head of a data file. */
const HEAD_PAGES = 2;

/**
 * Bytes of the data file of `directory` that no tree uses: LMDB never gives them back to the disk, it stores the next
 * records there. Those that the last two commits left are counted though LMDB cannot use them yet.
 * @param root of the environment @param tables all that have a name
 */
export function freeBytes(directory: string, root: WithStats, tables: readonly WithStats[]): number {
  const whole = root.getStats() as FileStats;
  let usedPages = HEAD_PAGES + pagesOf(whole.free) + pagesOf(whole.root);
  for (const table of tables) usedPages += pagesOf(table.getStats() as TreeStats);
  // A commit that failed may have made the file longer than what it says it is.
  const fileBytes = statSync(join(directory, DATA_FILE)).size;
  return Math.max(fileBytes, (whole.lastPageNumber + 1) * whole.pageSize) - usedPages * whole.pageSize;
}

/** What `getStats` of lmdb-js 3.5 tells of a tree (`read.js`: getStats; typed as `{}` there). */
export interface TreeStats {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
  readonly entryCount: number;
}

/** A database, or the root of all, as far as it tells of its tree. */
export interface WithStats {
  getStats(): object;
}

/** How much a database holds, and takes of the disk. */
export interface TreeSize {
  readonly rows: number;
  /** Of whole pages of the data file, with what is free inside of them. */
  readonly bytes: number;
}

/**
 * The size of a database as of the last commit. LMDB keeps these figures in the head of the tree and changes them with it:
 * nothing is gone through for them, and no crash makes them wrong.
 */
export function treeSize(table: WithStats & { resetReadTxn(): void }): TreeSize {
  table.resetReadTxn();
  const stats = table.getStats() as TreeStats;
  return { rows: stats.entryCount, bytes: pagesOf(stats) * stats.pageSize };
}

/** Pages that a tree is made of. */
export function pagesOf(tree: TreeStats): number {
  return tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages;
}
