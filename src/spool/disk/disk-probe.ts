import { randomFillSync } from 'node:crypto';
import { accessSync, closeSync, constants, openSync, statSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { MovedFileError } from './disk-fault.js';
import { diskRoomBytes } from './disk-room.js';

export const PROBE_FILE_NAME = 'disk-probe';
const PAGE_BYTES = 4096;
/** Room that is asked for as proof where the disk says it has it: a quota shows in no figure. */
const PROOF_BYTES = 1024 * 1024;
const PROOF_ROOM_BYTES = 8 * PROOF_BYTES;

/** A file that somebody has open, by its name in the data directory. */
export interface OpenFile {
  readonly name: string;
  readonly device: number;
  readonly inode: number;
}

/** What {@link DiskHealth} asks of the disk. Each throws the error of the file system. */
export interface Probe {
  /** Writes a page without a sync: microseconds. What takes no writes at all shows here, before it shows to LMDB. */
  touch(): void;
  /** Whether the name of the file that records are written to still leads to the one that is open: microseconds. */
  assertInPlace(): void;
  /** Whether all files are in place, and the file system may be written to; writes nothing. */
  look(): void;
  /** From now on the file of that name, which somebody has open, is looked for. */
  watch(name: string): void;
  /** Writes and syncs. */
  prove(): Promise<void>;
  close(): void;
}

/** Tries a disk by a small file of its own, and watches the names of others. */
export class DiskProbe implements Probe {
  readonly #directory: string;
  readonly #file: string;
  readonly #page = randomFillSync(Buffer.allocUnsafe(PAGE_BYTES));
  readonly #descriptor: number;
  /** The file that has to be found again for what devices are answered. */
  #answeredFor: () => OpenFile | undefined = () => undefined;
  readonly #others: OpenFile[] = [];

  /** @throws Error when the directory cannot be written to */
  constructor(directory: string) {
    this.#directory = directory;
    this.#file = join(directory, PROBE_FILE_NAME);
    this.#descriptor = openSync(this.#file, constants.O_WRONLY | constants.O_CREAT, 0o600);
  }

  watch(name: string): void {
    const { dev, ino } = statSync(join(this.#directory, name));
    this.#others.push({ name, device: dev, inode: ino });
  }

  /** @param file the one that records are written to at the moment, if there is one */
  answerFor(file: () => OpenFile | undefined): void {
    this.#answeredFor = file;
  }

  touch(): void {
    writeSync(this.#descriptor, this.#page, 0, PAGE_BYTES, 0);
  }

  assertInPlace(): void {
    const file = this.#answeredFor();
    if (file !== undefined) this.#assertSame(file);
  }

  look(): void {
    this.assertInPlace();
    for (const other of this.#others) this.#assertSame(other);
    accessSync(this.#directory, constants.W_OK);
  }

  async prove(): Promise<void> {
    this.look();
    const file = await open(this.#file, constants.O_WRONLY | constants.O_CREAT, 0o600);
    try {
      const isRoomy = diskRoomBytes(this.#directory) >= PROOF_ROOM_BYTES;
      if (isRoomy) await this.#allocate(file);
      await writeAll(file, this.#page);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  async #allocate(file: FileHandle): Promise<void> {
    await file.truncate(0);
    // A file system that compresses would take up nothing for zeros.
    await writeAll(file, randomFillSync(Buffer.allocUnsafe(PROOF_BYTES)));
    await file.datasync();
    await file.truncate(PAGE_BYTES);
  }

  /** @throws MovedFileError */
  #assertSame({ name, device, inode }: OpenFile): void {
    const found = statSync(join(this.#directory, name), { throwIfNoEntry: false });
    if (found === undefined) throw new MovedFileError(`${name} is gone from the data directory`);
    if (found.ino === inode && found.dev === device) return;
    throw new MovedFileError(`another ${name} is in the data directory than the one that is open`);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    done += (await file.write(bytes, done, bytes.byteLength - done, done)).bytesWritten;
  }
}
