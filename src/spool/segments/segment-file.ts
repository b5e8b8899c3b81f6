import {
  close,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  open,
  openSync,
  readSync,
  rename,
  statSync,
  unlink,
  write,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MovedFileError } from '../disk/disk-fault.js';
import { PAGE_BYTES } from './block-layout.js';

/** What the name of a file ends in until it is filled. */
export const UNFINISHED = '.new';

/**
 * Each write returns when its bytes are on stable storage, and what is needed to read them back (open(2): as a write and
 * an fdatasync). Where it goes over bytes that were written and synced before, that is nothing but the bytes.
 */
const SYNCED = constants.O_WRONLY | constants.O_DSYNC;
/** At a time: other calls of the thread pool have their turn between. */
const FILL_BYTES = 1024 * 1024;

const openFile = promisify(open);
const closeFile = promisify(close);
const writeAt = promisify(write);
const renameFile = promisify(rename);
const syncFile = promisify(fsync);
const syncData = promisify(fdatasync);
const removeFile = promisify(unlink);

/**
 * A directory as it was found. Whatever else stands under its name later, a copy of it that was put in its place among
 * others, is somebody else's.
 */
export class SegmentDirectory {
  readonly path: string;
  readonly #device: number;
  readonly #inode: number;

  /** @throws Error when it is not there */
  constructor(path: string) {
    const { dev, ino } = statSync(path);
    this.path = path;
    this.#device = dev;
    this.#inode = ino;
  }

  /** @throws MovedFileError when it does not stand under its name any more */
  assertInPlace(): void {
    const found = statSync(this.path, { throwIfNoEntry: false });
    if (found === undefined) throw new MovedFileError('the journal is gone from the data directory');
    if (found.ino === this.#inode && found.dev === this.#device) return;
    throw new MovedFileError('another journal is in the data directory than the one that is open');
  }
}

/**
 * Makes a file of `bytes` zeros, all of it on stable storage with its name: writing over it changes nothing but the bytes.
 * They are written, not allocated alone: extents that never were written cost a change of metadata with the first write.
 * @returns its descriptor, as {@link openSegmentFile}
 * @throws the error of the file system; then nothing is left of it, unless the disk does not even take that
 */
export async function makeSegmentFile(directory: string, name: string, bytes: number): Promise<number> {
  const file = join(directory, name);
  const descriptor = await openFile(file + UNFINISHED, SYNCED | constants.O_CREAT | constants.O_TRUNC, 0o600);
  try {
    const zeros = Buffer.alloc(Math.min(FILL_BYTES, bytes));
    for (let done = 0; done < bytes; ) {
      const length = Math.min(zeros.byteLength, bytes - done);
      done += (await writeAt(descriptor, zeros, 0, length, done)).bytesWritten;
    }
    await renameFile(file + UNFINISHED, file);
    await syncDirectory(directory);
    return descriptor;
  } catch (error) {
    await closeSegmentFile(descriptor);
    await deleteFile(directory, name + UNFINISHED);
    throw error;
  }
}

/** Opens a file for writes that are synced each. */
export function openSegmentFile(directory: string, name: string): Promise<number> {
  return openFile(join(directory, name), SYNCED);
}

/** Closes what {@link openSegmentFile} opened; what was written is on disk already. */
export async function closeSegmentFile(descriptor: number): Promise<void> {
  await closeFile(descriptor).catch(() => {});
}

/** Deletes a file if it can be: what is left of it counts for nothing, and is deleted after the next opening. */
export async function deleteFile(directory: string, name: string): Promise<void> {
  await removeFile(join(directory, name)).catch(() => {});
}

/** Has the file system write what a process that was killed may have left in the page cache alone. */
export async function syncSegmentFile(directory: string, name: string): Promise<void> {
  const descriptor = await openFile(join(directory, name), constants.O_RDWR);
  try {
    await syncData(descriptor);
  } finally {
    await closeFile(descriptor);
  }
}

/** A whole file, read at once. */
export interface SegmentImage {
  /** Whole pages; zeros where the file ends within the last, and where the disk gives nothing back. */
  readonly bytes: Buffer;
  /** Of the file. */
  readonly fileBytes: number;
  /** Whether the disk gave back all of it. */
  readonly isRead: boolean;
}

/** Reads a file. A page that the disk cannot read stands as zeros, and what was in it shows as damaged. */
export function readSegmentFile(directory: string, name: string): SegmentImage {
  const descriptor = openSync(join(directory, name), 'r');
  try {
    const fileBytes = fstatSync(descriptor).size;
    const bytes = Buffer.alloc(Math.ceil(fileBytes / PAGE_BYTES) * PAGE_BYTES);
    let isRead = true;
    try {
      readInto(descriptor, bytes, 0, fileBytes);
    } catch {
      isRead = false;
      for (let page = 0; page < fileBytes; page += PAGE_BYTES) readPage(descriptor, bytes, page);
    }
    return { bytes, fileBytes, isRead };
  } finally {
    closeSync(descriptor);
  }
}

/** Reads `length` bytes at `start` of an open file into `bytes` at the same place; fewer where the file ends. */
function readInto(descriptor: number, bytes: Buffer, start: number, length: number): void {
  for (let done = 0; done < length; ) {
    const read = readSync(descriptor, bytes, start + done, length - done, start + done);
    if (read === 0) return;
    done += read;
  }
}

function readPage(descriptor: number, bytes: Buffer, page: number): void {
  try {
    readInto(descriptor, bytes, page, Math.min(PAGE_BYTES, bytes.byteLength - page));
  } catch {
    bytes.fill(0, page, page + PAGE_BYTES);
  }
}

/** Has the names in a directory on stable storage. */
export async function syncDirectory(directory: string): Promise<void> {
  const descriptor = await openFile(directory, constants.O_RDONLY);
  try {
    await syncFile(descriptor);
  } finally {
    await closeFile(descriptor);
  }
}
