import { closeSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Device } from '../../core/device.js';
import type { BacklogSummary } from '../../core/spool-ports.js';
import { buildPiece } from '../../state/backlog-piece.js';
import { RECORD_HEADER_BYTES, RecordView, recordByteLength } from '../../state/record-layout.js';
import type { Change, CommitWriter, PerKeyQueue } from '../lmdb/commit-writer.js';
import type { MetaRows } from '../lmdb/table.js';
import {
  IMPORTS_DIRECTORY,
  type ImportFile,
  type ImportProgress,
  importFiles,
  readImportProgress,
  writeImportProgress,
} from './import-files.js';

/** At one call, after which others have their turn; the next call goes on. */
const MAX_PIECES = 256;
const MAX_BYTES = 16 * 1024 * 1024;
/** More than any piece that is written ({@link ImportWriter}), by far. */
const MAX_PIECE_BYTES = 64 * 1024 * 1024;

export interface ImportsParts {
  readonly directory: string;
  readonly meta: MetaRows;
  readonly writer: CommitWriter;
  readonly perDevice: PerKeyQueue;
  readonly storedAtMs: () => number;
  /** Stores a piece of backlog; it belongs to its device when the change is committed. */
  readonly stage: (device: Device, piece: Uint8Array) => Promise<Change>;
  /** Whether more may wait than does: what is imported comes after what devices send. */
  readonly hasRoom: () => boolean;
  /** Told of a file that is taken in whole. */
  readonly onImported: (states: number) => void;
  /** Told of a file that cannot be read, and was set aside. */
  readonly onUnreadable: (item: string, reason: string) => void;
}

/** Takes in what `stateway spool import` has left: each piece with how far that is, so that no crash takes one twice. */
export class Imports {
  readonly #parts: ImportsParts;
  readonly #folder: string;

  constructor(parts: ImportsParts) {
    this.#parts = parts;
    this.#folder = join(parts.directory, IMPORTS_DIRECTORY);
  }

  /**
   * @returns what was added, a piece each
   * @throws StatewayError when nothing could be written; what was left stays
   */
  async take(): Promise<BacklogSummary[]> {
    const added: BacklogSummary[] = [];
    try {
      for (const file of importFiles(this.#parts.directory)) {
        const isWhole = await this.#takeFile(file, added);
        if (!isWhole) break;
      }
    } catch (error) {
      if (added.length === 0) throw error;
    }
    return added;
  }

  /** Returns whether it is done with. */
  async #takeFile({ name, states }: ImportFile, added: BacklogSummary[]): Promise<boolean> {
    const { meta, writer, onImported } = this.#parts;
    let progress = this.#progress();
    if (!progress.done.includes(name)) {
      const reading = new PieceReading(join(this.#folder, name), offsetIn(progress, name));
      try {
        for (let piece = reading.next(); piece !== undefined; piece = reading.next()) {
          if (typeof piece === 'string') return this.#setAside(name, piece);
          const bytes = added.reduce((sum, summary) => sum + summary.bytes, 0);
          if (!this.#parts.hasRoom() || added.length >= MAX_PIECES || bytes >= MAX_BYTES) return false;
          progress = { ...progress, current: { name, offset: reading.offset } };
          added.push(await this.#add(piece, writeImportProgress(meta, progress)));
        }
      } finally {
        reading.close();
      }
      const done = [...progress.done, name];
      await writer.commit([writeImportProgress(meta, { done, current: undefined })], true);
      onImported(states);
    }
    rmSync(join(this.#folder, name), { force: true });
    return true;
  }

  #add(view: RecordView, progress: Change): Promise<BacklogSummary> {
    const { stage, storedAtMs, writer, perDevice } = this.#parts;
    const device = view.chunkDevice(0);
    return perDevice.run(device.key, async () => {
      const oldestStoredAtMs = storedAtMs();
      const range = { view, firstState: 0, stateCount: view.stateCount };
      const piece = buildPiece(device, [range], oldestStoredAtMs);
      await writer.commit([await stage(device, piece), progress], false);
      return { device, pieces: 1, states: view.stateCount, bytes: piece.byteLength, oldestStoredAtMs };
    });
  }

  /** Where it cannot be read, nothing is taken in: it might be taken twice. */
  #progress(): ImportProgress {
    this.#parts.meta.resetReadTxn();
    const progress = readImportProgress(this.#parts.meta);
    if (progress === undefined) throw new Error('how far imports have come cannot be read');
    return progress;
  }

  #setAside(name: string, reason: string): true {
    renameSync(join(this.#folder, name), join(this.#folder, `${name}.unreadable`));
    this.#parts.onUnreadable(`import ${name}`, reason);
    return true;
  }
}

function offsetIn({ current }: ImportProgress, name: string): number {
  return current?.name === name ? current.offset : 0;
}

/** Reads the pieces of a file one after the other. */
class PieceReading {
  readonly #descriptor: number;
  /** Behind the last piece that was read. */
  offset: number;

  constructor(path: string, offset: number) {
    this.#descriptor = openSync(path, 'r');
    this.offset = offset;
  }

  /** The next piece; what is wrong with it, in words, if it cannot be read; undefined behind the last. */
  next(): RecordView | string | undefined {
    const head = this.#read(RECORD_HEADER_BYTES);
    if (head.byteLength === 0) return undefined;
    const byteLength = head.byteLength === RECORD_HEADER_BYTES ? recordByteLength(head) : 0;
    if (byteLength > MAX_PIECE_BYTES) return 'a piece of it is longer than any';
    const view = RecordView.open(this.#read(Math.max(byteLength, head.byteLength)));
    if (typeof view === 'string') return view;
    if (view.chunkCount !== 1) return 'a piece of it is of several devices';
    this.offset += byteLength;
    return view;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** So many bytes from the offset on, or fewer at the end. */
  #read(byteLength: number): Buffer {
    const bytes = Buffer.alloc(byteLength);
    let done = 0;
    while (done < byteLength) {
      const read = readSync(this.#descriptor, bytes, done, byteLength - done, this.offset + done);
      if (read === 0) break;
      done += read;
    }
    return bytes.subarray(0, done);
  }
}
