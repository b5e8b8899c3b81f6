import { chmodSync, mkdirSync } from 'node:fs';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Clock } from '../core/clock.js';
import type { Device } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import type { DeviceHistory, Settlement, Spool, SpoolStatus, StoredRecord, Watermark } from '../core/ports.js';
import { RecordView } from '../state/record-layout.js';
import { assertDataFile } from './data-file.js';
import { handled, handleFailedBatches } from './failed-commit.js';
import { JournalIndex } from './journal-index.js';
import { decodeWatermarkRow, encodeWatermarkRow } from './watermark-row.js';

/** What the data directory says of itself; another number is refused, never converted silently. */
const FORMAT = 1;
const FORMAT_KEY = 'format';
/** The highest sequence ever given out before the last start. */
const SEQUENCE_FLOOR_KEY = 'sequenceFloor';
/** A history older than this no longer bears on pacing (the longest window is an hour); it is dropped at start. */
const HISTORY_KEPT_MS = 3_600_000;

/** A data directory that cannot be used; the message is for the operator. */
export class SpoolOpenError extends Error {
  override readonly name = 'SpoolOpenError';
}

export interface LmdbSpoolOptions {
  /** Made with mode 0700 if missing. */
  readonly directory: string;
  readonly clock: Clock;
  /** Told of each record that cannot be read back; the record stays where it is. */
  readonly onUnreadable?: (sequence: number, reason: string) => void;
}

/**
 * The spool in an embedded LMDB: `journal` (sequence to record) and `watermarks` (device to row).
 *
 * Durability: the environment is opened without `overlappingSync`, so that a commit includes its fdatasync and the
 * promise of a `put` resolves after it; with lmdb-js's default it may resolve before. All writes of one event-loop turn
 * are one transaction (`eventTurnBatching`, on by default), and while it is being synced the next gathers: group commit.
 * No write map: a full disk is then an error of the commit and not a SIGBUS. No `noMemInit`: it would write stray heap
 * memory, tokens among it, into the file.
 */
export class LmdbSpool implements Spool {
  readonly #root: RootDatabase;
  readonly #journal: Database<Buffer, number>;
  readonly #watermarks: Database<Buffer, Buffer>;
  readonly #clock: Clock;
  readonly #onUnreadable: (sequence: number, reason: string) => void;
  readonly #index = new JournalIndex();
  readonly #histories = new Map<string, DeviceHistory>();
  #lastSequence = 0;
  #unreadableRecords = 0;

  /** @throws SpoolOpenError when the directory cannot be opened or holds another format. */
  constructor(options: LmdbSpoolOptions) {
    this.#clock = options.clock;
    this.#onUnreadable = options.onUnreadable ?? (() => {});
    this.#root = openEnvironment(options.directory);
    const meta = this.#root.openDB<number, string>({ name: 'meta', encoding: 'json' });
    const format = meta.get(FORMAT_KEY) ?? FORMAT;
    if (format !== FORMAT) {
      throw new SpoolOpenError(
        `${options.directory} holds a spool of format ${format}; this version reads format ${FORMAT}`,
      );
    }
    this.#journal = this.#root.openDB<Buffer, number>({ name: 'journal', encoding: 'binary' });
    this.#watermarks = this.#root.openDB<Buffer, Buffer>({
      name: 'watermarks',
      encoding: 'binary',
      keyEncoding: 'binary',
    });
    const outlived = this.#loadHistories();
    this.#lastSequence = Math.max(
      this.#lastSequence,
      meta.get(SEQUENCE_FLOOR_KEY) ?? 0,
      this.#edgeOfJournal(true) ?? 0,
    );
    this.#root.transactionSync(() => {
      meta.putSync(FORMAT_KEY, FORMAT);
      meta.putSync(SEQUENCE_FLOOR_KEY, this.#lastSequence);
      for (const key of outlived) this.#watermarks.removeSync(key);
    });
  }

  append(record: Uint8Array): { sequence: number; stored: Promise<void> } {
    const sequence = ++this.#lastSequence;
    const view = new RecordView(record);
    this.#index.add(sequence, record.byteLength, view.storedAtMs, view.chunkCount, view.stateCount);
    const stored = this.#journal.put(sequence, asBuffer(record)).then(assertWritten);
    return { sequence, stored: stored.catch((error) => this.#dropUnstored(sequence, view.stateCount, error)) };
  }

  async settle(settlement: Settlement): Promise<void> {
    const row = encodeWatermarkRow(settlement, this.#clock.wallMs());
    const writes: Promise<unknown>[] = [this.#watermarks.put(asBuffer(settlement.device.idBytes), row)];
    const trimmed = settlement.finishedSequences.filter((sequence) => this.#index.closeChunk(sequence));
    for (const sequence of trimmed) writes.push(this.#journal.remove(sequence));
    try {
      await Promise.all(writes);
    } catch (error) {
      // The same settlement will be made again: counted twice, it would trim records that other devices still need.
      for (const sequence of settlement.finishedSequences) this.#index.reopenChunk(sequence);
      throw new StatewayError('STATEWAY_SPOOL_FAILED', 'the spool cannot be written to', { cause: handled(error) });
    }
    this.#index.settleStates(settlement.states);
    for (const sequence of trimmed) this.#index.trim(sequence);
  }

  *replay(): Iterable<StoredRecord> {
    const settledWhole: number[] = [];
    for (const { key: sequence, value } of this.#journal.getRange({})) {
      const opened = RecordView.open(value);
      if (typeof opened === 'string') {
        this.#unreadableRecords++;
        this.#onUnreadable(sequence, opened);
      } else if (this.#indexReplayed(sequence, opened)) {
        yield { sequence, record: opened.bytes };
      } else {
        settledWhole.push(sequence);
      }
    }
    this.#root.transactionSync(() => {
      for (const sequence of settledWhole) this.#journal.removeSync(sequence);
    });
  }

  history(device: Device): DeviceHistory | undefined {
    return this.#histories.get(device.key);
  }

  status(): SpoolStatus {
    return {
      bytes: this.#index.bytes,
      states: this.#index.states,
      oldestStoredAtMs: this.#index.oldestStoredAtMs,
      unreadableRecords: this.#unreadableRecords,
    };
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  #dropUnstored(sequence: number, states: number, error: unknown): never {
    this.#index.drop(sequence, states);
    throw new StatewayError('STATEWAY_SPOOL_FAILED', 'the state could not be stored on disk; send it again', {
      cause: handled(error),
    });
  }

  /** Counts what is open of a record read back; false when nothing is. */
  #indexReplayed(sequence: number, view: RecordView): boolean {
    let openChunks = 0;
    let openStates = 0;
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      const states = view.chunkStateCount(chunk);
      const settled = settledOfChunk(sequence, states, this.history(view.chunkDevice(chunk))?.watermark);
      if (settled === states) continue;
      openChunks++;
      openStates += states - settled;
    }
    if (openChunks === 0) return false;
    this.#index.add(sequence, view.bytes.byteLength, view.storedAtMs, openChunks, openStates);
    return true;
  }

  /** Loads the rows that still matter; returns the keys of the others, so that devices long gone leave nothing behind. */
  #loadHistories(): Buffer[] {
    const outlived: Buffer[] = [];
    const firstSequence = this.#edgeOfJournal(false) ?? Number.POSITIVE_INFINITY;
    const oldestKeptMs = this.#clock.wallMs() - HISTORY_KEPT_MS;
    for (const { key, value } of this.#watermarks.getRange({})) {
      const history = decodeWatermarkRow(value);
      if (history === undefined) continue;
      this.#lastSequence = Math.max(this.#lastSequence, history.watermark.sequence);
      if (history.watermark.sequence >= firstSequence || history.settledAtMs >= oldestKeptMs) {
        this.#histories.set(key.toString('hex'), history);
      } else {
        outlived.push(Buffer.from(key));
      }
    }
    return outlived;
  }

  #edgeOfJournal(last: boolean): number | undefined {
    for (const sequence of this.#journal.getKeys({ reverse: last, limit: 1 })) return sequence;
    return undefined;
  }
}

/** How many states of a device's chunk in record `sequence` its watermark says are settled. */
export function settledOfChunk(sequence: number, chunkStates: number, watermark: Watermark | undefined): number {
  if (watermark === undefined || sequence > watermark.sequence) return 0;
  return sequence < watermark.sequence ? chunkStates : Math.min(watermark.states, chunkStates);
}

function openEnvironment(directory: string): RootDatabase {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
    assertDataFile(directory);
    // Without `noSubdir`, a directory with a dot in its name would be opened as a file.
    const root = open({ path: directory, noSubdir: false, overlappingSync: false, maxDbs: 8 });
    handleFailedBatches(root);
    return root;
  } catch (error) {
    throw new SpoolOpenError(`the data directory ${directory} cannot be opened: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function assertWritten(written: boolean): void {
  if (!written) throw new Error('the journal did not take the record');
}
