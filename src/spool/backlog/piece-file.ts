import {
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  write,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Extent, FreeSpace } from './free-space.js';

export const PIECE_FILE_NAME = 'pieces.dat';
/** Free space at the end of the file beyond which it is cut off: not for every piece. */
const CUT_ABOVE_BYTES = 16 * 1024 * 1024;

const writeAt = promisify(write);
const sync = promisify(fdatasync);

/**
 * The file that holds the pieces of all backlogs, one behind the other with gaps where pieces were; which extents are
 * taken stands in the database. Pieces are not kept in LMDB: it reads through a memory map, and a drain would map page
 * by page as much as the backlog is long.
 */
export class PieceFile {
  readonly #descriptor: number;
  readonly #space: FreeSpace;
  #fileBytes: number;
  #syncing: Promise<void> | undefined;
  #nextSync: Promise<void> | undefined;
  #failedSyncs = 0;

  private constructor(descriptor: number, space: FreeSpace) {
    this.#descriptor = descriptor;
    this.#space = space;
    this.#fileBytes = fstatSync(descriptor).size;
  }

  /**
   * @param used the extents of all pieces that are kept
   * @throws Error when pieces are kept and the file is not there, or cannot be opened
   */
  static open(directory: string, used: readonly Extent[]): PieceFile {
    const create = used.length === 0 ? constants.O_CREAT : 0;
    const descriptor = openSync(join(directory, PIECE_FILE_NAME), constants.O_RDWR | create, 0o600);
    return new PieceFile(descriptor, new FreeSpace(used));
  }

  /**
   * Stores a piece; resolves when it is on stable storage. A sync that fails leaves the pages of all that was written until
   * then marked as clean, so that the next one says yes without having written them: so it fails all of them.
   */
  async write(bytes: Uint8Array): Promise<Extent> {
    const failedBefore = this.#failedSyncs;
    const extent = this.#space.take(bytes.byteLength);
    try {
      this.#fileBytes = Math.max(this.#fileBytes, extent.offset + extent.byteLength);
      for (let done = 0; done < bytes.byteLength; ) {
        const rest = bytes.byteLength - done;
        done += (await writeAt(this.#descriptor, bytes, done, rest, extent.offset + done)).bytesWritten;
      }
      await this.#sync();
      if (this.#failedSyncs > failedBefore) throw new Error('a sync failed that may have been of these pages');
    } catch (error) {
      this.free(extent);
      throw error;
    }
    return extent;
  }

  /** Reads a piece; shorter than the extent where the file ends before. */
  read(extent: Extent): Uint8Array {
    return readExtent(this.#descriptor, extent);
  }

  /** Gives the space of a piece back, once nothing on disk refers to it any more. */
  free(extent: Extent): void {
    this.#space.give(extent);
    const { endBytes } = this.#space;
    const isWorthIt = endBytes === 0 || this.#fileBytes - endBytes >= CUT_ABOVE_BYTES;
    if (!isWorthIt || this.#fileBytes === endBytes) return;
    try {
      // At once, not behind the event loop: no piece may be taken beyond the end before it is cut.
      ftruncateSync(this.#descriptor, endBytes);
      this.#fileBytes = endBytes;
    } catch {
      // The space is free all the same; it is cut with the next piece.
    }
  }

  /** Resolves when the disk takes a sync of the file: the kernel tells of a failure once. */
  async prove(): Promise<void> {
    await sync(this.#descriptor);
  }

  /** Nothing may be under way any more. */
  close(): void {
    closeSync(this.#descriptor);
  }

  /** A sync that begins after this call, shared by all who ask before it begins. */
  #sync(): Promise<void> {
    if (this.#nextSync !== undefined) return this.#nextSync;
    if (this.#syncing === undefined) return this.#startSync();
    const start = () => this.#startSync();
    this.#nextSync = this.#syncing.then(start, start);
    return this.#nextSync;
  }

  #startSync(): Promise<void> {
    this.#nextSync = undefined;
    const running = sync(this.#descriptor)
      .catch((error: unknown) => {
        this.#failedSyncs++;
        throw error;
      })
      .finally(() => {
        if (this.#syncing === running) this.#syncing = undefined;
      });
    this.#syncing = running;
    return running;
  }
}

/** Reads pieces past the process that has the spool open. */
export class PieceReader {
  readonly #descriptor: number;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Undefined when there is no file. */
  static open(directory: string): PieceReader | undefined {
    const file = join(directory, PIECE_FILE_NAME);
    return existsSync(file) ? new PieceReader(openSync(file, 'r')) : undefined;
  }

  /** As {@link PieceFile.read}. */
  read(extent: Extent): Uint8Array {
    return readExtent(this.#descriptor, extent);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function readExtent(descriptor: number, { offset, byteLength }: Extent): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  for (let done = 0; done < byteLength; ) {
    const read = readSync(descriptor, bytes, done, byteLength - done, offset + done);
    if (read === 0) return bytes.subarray(0, done);
    done += read;
  }
  return bytes;
}
