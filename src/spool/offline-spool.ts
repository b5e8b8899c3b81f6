import { readBootTag } from '../core/boot.js';
import { systemClock } from '../core/clock.js';
import type { StoredDeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import type { SpoolStatus } from '../core/ports.js';
import { type Corrections, correctionsOf, timeToShow } from '../core/timebase.js';
import { RecordView } from '../state/record-layout.js';
import { readBootRow } from './boot-row.js';
import { readDeadLetters } from './dead-letters.js';
import { asOpenError, type Environment, openBeside } from './environment.js';
import { reasonOf, spoolError } from './failed-commit.js';
import { settledOfChunk } from './journal.js';
import { sequenceOfJournalKey } from './keys.js';
import { PieceReader } from './piece-file.js';
import { decodePieceRow } from './piece-row.js';
import { inQuietMoment } from './quiet-moment.js';
import { putRequestForAll, putRequests } from './requests.js';
import { SpoolOpenError } from './spool-open-error.js';
import type { Rows } from './table.js';
import { readTimebases } from './timebase-row.js';
import { decodeWatermarkRow } from './watermark-row.js';

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

/** A reading that fails this often for one piece is not the doing of a proxy that moves it. */
const READINGS = 3;

/**
 * A look into a data directory beside the proxy that serves from it, or without one. It sees what is on disk at the
 * moment; what it cannot read it passes over, and nothing is taken away or set aside by it.
 */
export class OfflineSpool {
  readonly #directory: string;
  readonly #environment: Environment;
  readonly #pieces: PieceReader | undefined;

  private constructor(directory: string, environment: Environment, pieces: PieceReader | undefined) {
    this.#directory = directory;
    this.#environment = environment;
    this.#pieces = pieces;
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
   * What waits. Reads the journal through; of the backlogs, their rows alone. What was stored in the boot that runs is
   * as old as the monotonic clock says; `oldestStoredAtMs` is that long before the wall clock as it is now.
   */
  status(): SpoolStatus {
    const { journal, backlog, deadLetters, unreadable } = this.#environment;
    let bytes = 0;
    let states = 0;
    let oldestStoredAtMs: number | undefined;
    const count = (byteLength: number, waiting: number, storedAtMs: number): void => {
      if (waiting === 0) return;
      bytes += byteLength;
      states += waiting;
      if (oldestStoredAtMs === undefined || storedAtMs < oldestStoredAtMs) oldestStoredAtMs = storedAtMs;
    };
    for (const { key, value } of journal.getRange({})) {
      const ranges = this.#waitingOfRecord(key, value);
      const waiting = ranges.reduce((sum, { firstState, endState }) => sum + endState - firstState, 0);
      count(value.byteLength, waiting, ranges[0]?.view.storedAtMs ?? 0);
    }
    for (const { key, value } of backlog.getRange({})) {
      const row = decodePieceRow(key, value);
      if (row !== undefined) count(row.byteLength, row.states - row.settledStates, row.oldestStoredAtMs);
    }
    return {
      bytes,
      states,
      deadLetters: deadLetters.getKeysCount(),
      oldestStoredAtMs: oldestStoredAtMs === undefined ? undefined : oldestStoredAtMs + this.#wallJumpMs(),
      unreadableRecords: unreadable.getKeysCount(),
    };
  }

  /** Dead letters, the oldest first. */
  deadLetters(): Iterable<StoredDeadLetter> {
    return readDeadLetters(this.#environment.deadLetters, () => {});
  }

  /**
   * Asks the proxy, now or when it is started again, to send dead letters again.
   * @param numbers those of the letters; those of letters that are not there are passed over
   * @returns letters asked for
   * @throws StatewayError when the request cannot be written
   * @throws SpoolOpenError when the proxy that has the directory does not answer
   */
  async requestRequeue(numbers: readonly number[] | 'all'): Promise<number> {
    const wanted = numbers === 'all' ? undefined : new Set(numbers);
    const found: number[] = [];
    for (const { number } of this.deadLetters()) {
      if (wanted === undefined || wanted.has(number)) found.push(number);
    }
    if (found.length === 0) return 0;
    const { requests } = this.#environment;
    const all = wanted === undefined ? (found.at(-1) as number) : undefined;
    try {
      // As the proxy's commits wait for another one that opens, so must this one.
      await inQuietMoment(this.#directory, async () => {
        await Promise.all(all === undefined ? putRequests(requests, found) : [putRequestForAll(requests, all)]);
      });
    } catch (error) {
      if (error instanceof SpoolOpenError) throw error;
      throw spoolError(false, await reasonOf(error));
    }
    return found.length;
  }

  /**
   * Every state that waits, those of a device in order: first all backlogs, then the journal. What a running proxy
   * delivers or moves meanwhile may be missing.
   */
  *records(): Iterable<WaitingState> {
    const { backlog, journal, meta } = this.#environment;
    const corrections = correctionsOf(readTimebases(meta).bases);
    const pieceKeys = [...backlog.getKeys({})];
    const recordKeys = [...journal.getKeys({})];
    for (const key of pieceKeys) {
      const range = this.#readPiece(key);
      if (range !== undefined) yield* statesOf(range, corrections);
    }
    for (const key of recordKeys) {
      const value = readNow(journal, key);
      if (value === undefined) continue;
      for (const range of this.#waitingOfRecord(key, value)) yield* statesOf(range, corrections);
    }
  }

  async close(): Promise<void> {
    this.#pieces?.close();
    await this.#environment.root?.close();
  }

  /** By how much the wall clock was moved since it was read for the stamps of what is stored in this boot. */
  #wallJumpMs(): number {
    const boot = readBootRow(this.#environment.meta);
    if (boot?.tag !== readBootTag()) return 0;
    return Math.round(systemClock.wallMs() - systemClock.monotonicMs() - boot.wallOffsetMs);
  }

  #waitingOfRecord(key: Buffer, value: Buffer): WaitingRange[] {
    const sequence = sequenceOfJournalKey(key);
    const view = RecordView.open(value);
    if (sequence === undefined || typeof view === 'string') return [];
    const ranges: WaitingRange[] = [];
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      const device = view.chunkDevice(chunk);
      const idBytes = Buffer.from(device.idBytes);
      const row = this.#environment.watermarks.get(idBytes);
      const watermark = row === undefined ? undefined : decodeWatermarkRow(idBytes, row)?.watermark;
      const states = view.chunkStateCount(chunk);
      const first = view.chunkFirstState(chunk);
      const firstState = first + settledOfChunk(sequence, states, watermark);
      if (firstState < first + states) ranges.push({ view, device, firstState, endState: first + states });
    }
    return ranges;
  }

  /** Reads a piece; again when the proxy has moved it meanwhile. */
  #readPiece(key: Buffer): WaitingRange | undefined {
    for (let reading = 0; reading < READINGS; reading++) {
      const value = readNow(this.#environment.backlog, key);
      const row = value === undefined ? undefined : decodePieceRow(key, value);
      if (row === undefined || this.#pieces === undefined) return undefined;
      const view = RecordView.open(this.#pieces.read(row));
      if (typeof view !== 'string' && view.checksum === row.pieceChecksum) {
        return { view, device: view.chunkDevice(0), firstState: row.settledStates, endState: view.stateCount };
      }
    }
    return undefined;
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
    const fragment = view.bytes.subarray(view.fragmentStart(state), view.fragmentEnd(state));
    yield { device, timeMs: timeToShow(view.times[state] as number, corrections), fragment };
  }
}
