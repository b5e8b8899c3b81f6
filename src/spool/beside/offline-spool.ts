import { join } from 'node:path';
import { Device } from '../../core/device.js';
import type { SpoolStatus, Watermark } from '../../core/spool-ports.js';
import { readBootTag, systemClock } from '../../core/time/clock.js';
import { type Corrections, correctionsOf, timeToShow } from '../../core/time/timebase.js';
import { RecordView } from '../../state/record-layout.js';
import { openPiece } from '../backlog/backlog.js';
import { PIECE_FILE_NAME, PieceReader } from '../backlog/piece-file.js';
import { treeSize } from '../disk/disk-room.js';
import { readOldJournal } from '../journal/carry-over.js';
import { settledOfChunk } from '../journal/journal.js';
import { JOURNAL_DIRECTORY } from '../journal/open-log.js';
import { RedoRows } from '../journal/redo-rows.js';
import { asOpenError, type Environment, oldJournalOf, openBeside } from '../lmdb/environment.js';
import {
  decodePieceRow,
  decodeWatermarkRow,
  newerRow,
  type PieceRow,
  readBootRow,
  readManifest,
  readTimebases,
  TIMEBASES_KEY,
} from '../lmdb/rows.js';
import type { Rows } from '../lmdb/table.js';
import type { DamagedPart } from '../lmdb/unreadable-items.js';
import { importFiles, readImportProgress } from '../orders/import-files.js';
import { readSegments } from '../segments/segment-log.js';
import { DamageBeside, type UnreadableParts } from './damage-beside.js';
import { LettersBeside } from './letters-beside.js';
import { inQuietMoment } from './quiet-moment.js';
import { WaitingDevices, type WaitingOfDevice } from './waiting-devices.js';

/** A state that waits. */
export interface WaitingState {
  readonly device: Device;
  readonly timeMs: number;
  /** As it stands in a record. */
  readonly fragment: Uint8Array;
}

/** Some states of a record that wait. */
interface WaitingRange {
  readonly view: RecordView;
  readonly device: Device;
  readonly firstState: number;
  readonly endState: number;
}

/** What the journal held at a moment. */
interface FoundJournal {
  /** Whether a proxy has the directory. */
  readonly isServed: boolean;
  /** In order; each is read when it is asked for. */
  readonly records: Iterable<{ readonly sequence: number; readonly bytes: Uint8Array }>;
  readonly redo: RedoRows;
}

/** A reading that fails this often for one piece is not the doing of a proxy that moves it. */
const READINGS = 3;
const ROW_DAMAGED = 'its checksum does not match';

/**
 * A look into a data directory beside the proxy that serves from it, or without one. It sees what is on disk at the
 * moment; what it cannot read it passes over and counts, and nothing is taken away or set aside by it.
 */
export class OfflineSpool {
  readonly #directory: string;
  readonly #environment: Environment;
  readonly #pieces: PieceReader | undefined;
  readonly #damage: DamageBeside;
  readonly letters: LettersBeside;

  private constructor(directory: string, environment: Environment, pieces: PieceReader | undefined) {
    this.#directory = directory;
    this.#environment = environment;
    this.#pieces = pieces;
    this.#damage = new DamageBeside(environment);
    this.letters = new LettersBeside(directory, environment, this.#damage);
  }

  /** @throws SpoolOpenError when there is no spool, it is of another format, or it is damaged and no proxy runs on it */
  static async open(directory: string): Promise<OfflineSpool> {
    try {
      const environment = await inQuietMoment(directory, (isServed) => openBeside(directory, isServed));
      return new OfflineSpool(directory, environment, PieceReader.open(directory));
    } catch (error) {
      throw asOpenError(directory, error);
    }
  }

  /**
   * What waits. Reads the journal through; of the backlogs, their rows, and where no proxy has the directory their pieces,
   * so that what cannot be read is counted as such. What was stored in the boot that runs is
   * as old as the monotonic clock says; `oldestStoredAtMs` is that long before the wall clock as it is now.
   * @throws SpoolOpenError when the proxy that has the directory does not answer
   */
  async status(): Promise<SpoolStatus> {
    const journal = await this.#findJournal();
    const letters = treeSize(this.#environment.deadLetters);
    let bytes = 0;
    let states = 0;
    let oldestStoredAtMs: number | undefined;
    const count = (byteLength: number, waiting: number, storedAtMs: number): void => {
      if (waiting === 0) return;
      bytes += byteLength;
      states += waiting;
      if (oldestStoredAtMs === undefined || storedAtMs < oldestStoredAtMs) oldestStoredAtMs = storedAtMs;
    };
    for (const { sequence, bytes: record } of journal.records) {
      const ranges = this.#waitingOfRecord(sequence, record, journal.redo);
      const waiting = ranges.reduce((sum, { firstState, endState }) => sum + endState - firstState, 0);
      count(record.byteLength, waiting, ranges[0]?.view.storedAtMs ?? 0);
    }
    for (const { row } of this.#pieceRows(journal.isServed)) {
      count(row.byteLength, row.states - row.settledStates, row.oldestStoredAtMs);
    }
    const { setAside, found } = this.unreadable;
    return {
      bytes,
      states,
      deadLetters: letters.rows,
      deadLetterBytes: letters.bytes,
      oldestStoredAtMs: oldestStoredAtMs === undefined ? undefined : oldestStoredAtMs + this.#wallJumpMs(),
      unreadableRecords: setAside + found.length,
    };
  }

  /** What the calls until now came upon and could not read, and what the proxy had set aside before. */
  get unreadable(): UnreadableParts {
    return this.#damage.parts;
  }

  /** Whether an import of this name waits, or was taken in. */
  knowsImport(name: string): boolean {
    const { meta } = this.#environment;
    meta.resetReadTxn();
    const waits = importFiles(this.#directory).some((file) => file.name === name);
    return waits || readImportProgress(meta)?.done.includes(name) === true;
  }

  /** States of imports that the proxy has not taken in whole yet. */
  get importedStates(): number {
    return importFiles(this.#directory).reduce((sum, { states }) => sum + states, 0);
  }

  /**
   * What waits, by device, the device whose state is the oldest first. Reads as {@link OfflineSpool.status} does.
   * @throws SpoolOpenError as {@link OfflineSpool.status}
   */
  async devices(): Promise<WaitingOfDevice[]> {
    const devices = new WaitingDevices();
    const { records, redo, isServed } = await this.#findJournal();
    for (const { sequence, bytes } of records) {
      for (const { view, device, firstState, endState } of this.#waitingOfRecord(sequence, bytes, redo)) {
        const byteLength = view.fragmentEnd(endState - 1) - view.fragmentStart(firstState);
        devices.add(device, endState - firstState, byteLength, view.storedAtMs);
      }
    }
    for (const { key, row } of this.#pieceRows(isServed)) {
      devices.add(Device.fromBytes(key, 0), row.states - row.settledStates, row.byteLength, row.oldestStoredAtMs);
    }
    return devices.list(this.#wallJumpMs());
  }

  /**
   * Every state that waits, those of a device in order: first all backlogs, then the journal. What a running proxy
   * delivers or moves meanwhile may be missing.
   * @throws SpoolOpenError as {@link OfflineSpool.status}
   */
  async records(): Promise<Iterable<WaitingState>> {
    return this.#statesWith(await this.#findJournal());
  }

  *#statesWith({ records, redo }: FoundJournal): Iterable<WaitingState> {
    const { backlog, meta } = this.#environment;
    const corrections = correctionsOf(readTimebases(meta, redo.get(TIMEBASES_KEY)).bases);
    const pieceKeys = [...backlog.getKeys({})];
    for (const key of pieceKeys) {
      const range = this.#readPiece(key);
      if (range !== undefined) yield* statesOf(range, corrections);
    }
    for (const { sequence, bytes } of records) {
      for (const range of this.#waitingOfRecord(sequence, bytes, redo)) yield* statesOf(range, corrections);
    }
  }

  async close(): Promise<void> {
    this.#pieces?.close();
    await this.#environment.root?.close();
  }

  /** What the journal holds, in segments or, in an earlier format, in LMDB. What cannot be read is passed over. */
  #findJournal(): Promise<FoundJournal> {
    const { meta, watermarks } = this.#environment;
    // In it no segment is used again: what is found in them is of one moment.
    return inQuietMoment(this.#directory, async (isServed) => {
      meta.resetReadTxn();
      const old = oldJournalOf(this.#environment);
      if (old !== undefined) {
        const records = readOldJournal(old, ({ key, reason }) => this.#damage.add('record', key, reason));
        return { isServed, records, redo: new RedoRows([], watermarks) };
      }
      const { records, rows } = this.#readSegments(isServed);
      return { isServed, records, redo: new RedoRows(rows, watermarks) };
    });
  }

  #readSegments(isServed: boolean): ReturnType<typeof readSegments> {
    const directory = join(this.#directory, JOURNAL_DIRECTORY);
    const { manifest } = readManifest(this.#environment.meta);
    const report = ({ name, reason, isCutOff }: DamagedPart) => {
      if (!isCutOff) this.#damage.add('journal', name, reason);
    };
    if (!isServed) return readSegments(directory, manifest, report);
    const first = new Set<string>();
    const journal = readSegments(directory, manifest, ({ name }) => first.add(name));
    // A block that is being written looks like damage, once.
    if (first.size > 0) readSegments(directory, manifest, (item) => first.has(item.name) && report(item));
    return journal;
  }

  /** By how much the wall clock was moved since it was read for the stamps of what is stored in this boot. */
  #wallJumpMs(): number {
    const boot = readBootRow(this.#environment.meta);
    if (boot?.tag !== readBootTag()) return 0;
    return Math.round(systemClock.wallMs() - systemClock.monotonicMs() - boot.wallOffsetMs);
  }

  #waitingOfRecord(sequence: number, bytes: Uint8Array, redo: RedoRows): WaitingRange[] {
    const view = new RecordView(bytes);
    const ranges: WaitingRange[] = [];
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      const device = view.chunkDevice(chunk);
      const states = view.chunkStateCount(chunk);
      const first = view.chunkFirstState(chunk);
      const firstState = first + settledOfChunk(sequence, states, this.#watermarkOf(device, redo));
      if (firstState < first + states) ranges.push({ view, device, firstState, endState: first + states });
    }
    return ranges;
  }

  #watermarkOf({ key, idBytes }: Device, redo: RedoRows): Watermark | undefined {
    const bytes = Buffer.from(idBytes);
    // A proxy may have written to LMDB what is newer than the row that was in its journal.
    const [logged, stored] = [redo.get(key), readNow(this.#environment.watermarks, bytes)];
    const row = logged === undefined || stored === undefined ? (logged ?? stored) : newerRow(bytes, logged, stored);
    return row === undefined ? undefined : decodeWatermarkRow(bytes, row)?.watermark;
  }

  /** The rows of the backlogs. Where no proxy has the directory, those alone whose pieces can be read. */
  *#pieceRows(isServed: boolean): Iterable<{ key: Buffer; row: PieceRow }> {
    for (const { key, value } of this.#environment.backlog.getRange({})) {
      const row = decodePieceRow(key, value);
      const opened = row === undefined ? ROW_DAMAGED : isServed ? undefined : this.#openPiece(key, row);
      if (typeof opened === 'string') this.#damage.add('piece', key, opened);
      else if (row !== undefined) yield { key, row };
    }
  }

  /** Reads a piece; again when the proxy has moved it meanwhile. */
  #readPiece(key: Buffer): WaitingRange | undefined {
    let problem = '';
    for (let reading = 0; reading < READINGS; reading++) {
      const value = readNow(this.#environment.backlog, key);
      if (value === undefined) return undefined;
      const row = decodePieceRow(key, value);
      const view = row === undefined ? ROW_DAMAGED : this.#openPiece(key, row);
      if (row !== undefined && typeof view !== 'string') {
        return { view, device: view.chunkDevice(0), firstState: row.settledStates, endState: view.stateCount };
      }
      problem = view as string;
    }
    this.#damage.add('piece', key, problem);
    return undefined;
  }

  /** A piece, or what is wrong with it. */
  #openPiece(key: Buffer, row: PieceRow): RecordView | string {
    if (this.#pieces === undefined) return `${PIECE_FILE_NAME} is not there`;
    return openPiece(Device.fromBytes(key, 0), row, this.#pieces.read(row));
  }
}

/** Reads by itself: a snapshot held through a long export would keep the proxy from using space again. */
function readNow(db: Rows, key: Buffer): Buffer | undefined {
  db.resetReadTxn();
  return db.get(key);
}

function* statesOf(
  { view, device, firstState, endState }: WaitingRange,
  corrections: Corrections,
): Iterable<WaitingState> {
  for (let state = firstState; state < endState; state++) {
    yield { device, timeMs: timeToShow(view.times[state] as number, corrections), fragment: view.fragmentAt(state) };
  }
}
