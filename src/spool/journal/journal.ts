import type { Device } from '../../core/device.js';
import type { Distribution } from '../../core/metering/meters.js';
import type { DeviceHistory, StoredRecord, Watermark } from '../../core/spool-ports.js';
import { RecordView } from '../../state/record-layout.js';
import type { SpoolDisk } from '../disk/spool-disk.js';
import type { Change } from '../lmdb/commit-writer.js';
import type { RecordPlace } from '../segments/pending-entry.js';
import type { SegmentLog } from '../segments/segment-log.js';
import { Checkpoints } from './checkpoints.js';
import { JournalIndex } from './journal-index.js';
import { JOURNAL_DIRECTORY, type LogParts, openLog } from './open-log.js';
import { type RedoRow, RedoRows } from './redo-rows.js';

type HistoryOf = (device: Device) => DeviceHistory | undefined;

export interface JournalParts extends Omit<LogParts, 'placeOf' | 'onShort'> {
  /** Writes down in LMDB which numbers were given out. */
  readonly floors: () => Change;
}

/**
 * The records that wait, in order, each let go when all its devices are settled, and the rows that say so
 * (docs/architecture.md). They stand in segments on disk; the memory keeps where a record is, and how much of it is open.
 */
export class Journal {
  readonly #disk: SpoolDisk;
  readonly #index = new JournalIndex();
  readonly #log: SegmentLog;
  readonly #checkpoints: Checkpoints;
  readonly #floors: () => Change;
  /** The rows that are not in LMDB yet. */
  readonly redo: RedoRows;
  /** Whether the disk is proving itself: only what belongs to that may be written. */
  #isRecovering = false;

  /** Reads back what there is; writes nothing yet. @throws Error when it cannot be read */
  constructor(parts: JournalParts) {
    const { disk, environment, floors } = parts;
    this.#disk = disk;
    this.#floors = floors;
    this.#log = openLog({
      ...parts,
      placeOf: (sequence) => this.#index.placeOf(sequence),
      onShort: () => this.#checkpoints.request(),
    });
    disk.answerFor(() => this.#log.currentFile);
    this.redo = new RedoRows(this.#log.recovered.rows, environment.watermarks);
    this.#checkpoints = new Checkpoints({
      environment,
      log: this.#log,
      redo: this.redo,
      floors,
      commit: (changes) => (this.#isRecovering ? disk.commitUntrusted(changes) : disk.writer.commit(changes, true)),
    });
  }

  /** What its commits take. */
  get commitSeconds(): Distribution {
    return this.#log.commitSeconds;
  }

  get bytes(): number {
    return this.#index.bytes;
  }

  /** States not settled. */
  get states(): number {
    return this.#index.states;
  }

  get oldestStoredAtMs(): number | undefined {
    return this.#index.oldestStoredAtMs;
  }

  /** No record that was read back has a lower one. */
  get firstSequence(): number {
    return this.#log.recovered.firstSequence ?? Number.POSITIVE_INFINITY;
  }

  /** The highest that was read back; 0 for none. */
  get lastSequence(): number {
    return this.#log.recovered.lastSequence;
  }

  /** All that stands up to it is on stable storage. Rises for ever. */
  get position(): number {
    return this.#log.durablePosition;
  }

  /** Whether there is room for a record of so many bytes. */
  takes(recordBytes: number): boolean {
    return this.#log.takes(recordBytes);
  }

  /** Makes ready for the first record. */
  async begin(): Promise<void> {
    await this.#log.prepare();
    this.#disk.health.watch(JOURNAL_DIRECTORY);
    await this.#checkpoints.make();
  }

  /**
   * Stores a record; counts it from now on, and no longer when that fails.
   * @throws StatewayError STATEWAY_SPOOL_FULL or STATEWAY_SPOOL_FAILED
   */
  async append(sequence: number, record: Uint8Array): Promise<void> {
    const view = new RecordView(record);
    const { storedAtMs, chunkCount, stateCount } = view;
    const place = this.#index.add(sequence, record.byteLength, storedAtMs, chunkCount, stateCount);
    try {
      await this.#log.append(sequence, record, place, view.wholeChecksum);
    } catch (error) {
      this.#index.drop(sequence, stateCount);
      this.#disk.refuse(error);
    }
  }

  /**
   * Stores a row; resolves when it is on stable storage.
   * @param id as {@link RedoRows} has it
   * @throws StatewayError as {@link Journal.append}
   */
  async note(id: string, row: RedoRow): Promise<void> {
    try {
      this.#disk.health.assertWritable();
      await this.#checkpoints.note(id, row);
    } catch (error) {
      this.#disk.refuse(error);
    }
  }

  /**
   * `states` are settled here, or have left for a backlog, and with them the last ones of a device in
   * `finishedSequences`: lets go of what has no device left. What says so on disk is the device's watermark.
   */
  settle(states: number, finishedSequences: readonly number[]): Change {
    const index = this.#index;
    const finished = finishedSequences.filter((sequence) => index.closeChunk(sequence));
    return {
      write: () => [],
      committed: () => {
        index.settleStates(states);
        for (const sequence of finished) this.#trim(sequence);
      },
      // The same will be asked for again: counted twice, it would let go of records that other devices still need.
      failed: () => {
        for (const sequence of finishedSequences) index.reopenChunk(sequence);
      },
    };
  }

  /** What the last run left, in order. To be run through once, before the first append. */
  *replay(historyOf: HistoryOf): Iterable<StoredRecord> {
    for (const { sequence, bytes, place } of this.#log.recovered.records) {
      const counted = this.#count(sequence, new RecordView(bytes), historyOf);
      if (counted === undefined) {
        this.#log.release(place);
        continue;
      }
      counted.segment = place.segment;
      yield { sequence, record: bytes };
    }
    this.#log.replayed();
  }

  /** Whether all that the last run left is settled. */
  isSettled(historyOf: HistoryOf): boolean {
    for (const { sequence, bytes } of this.#log.recovered.records) {
      if (openOf(sequence, new RecordView(bytes), historyOf).chunks > 0) return false;
    }
    return true;
  }

  /** After a fault of the disk: opens LMDB anew, and proves that it can be committed to, and the journal written. */
  async recover(): Promise<void> {
    this.#isRecovering = true;
    try {
      await this.#disk.reopen(() => [this.#floors()]);
      await this.#checkpoints.make();
      await this.#log.recover();
    } finally {
      this.#isRecovering = false;
    }
  }

  /** Waits for what was given to it. */
  async close(): Promise<void> {
    // So that the next start has less to read back; it does without where the disk fails.
    await this.#checkpoints.make().catch(() => {});
    await this.#log.close();
    await this.#checkpoints.ended();
  }

  /** Counts what is open of a record read back; undefined when nothing is. */
  #count(sequence: number, view: RecordView, historyOf: HistoryOf): RecordPlace | undefined {
    const { chunks, states } = openOf(sequence, view, historyOf);
    if (chunks === 0) return undefined;
    return this.#index.add(sequence, view.bytes.byteLength, view.storedAtMs, chunks, states);
  }

  #trim(sequence: number): void {
    const place = this.#index.trim(sequence);
    if (place !== undefined) this.#log.release(place);
  }
}

/** How many chunks of a record have states that are not settled, and how many those are. */
function openOf(sequence: number, view: RecordView, historyOf: HistoryOf): { chunks: number; states: number } {
  let chunks = 0;
  let states = 0;
  for (let chunk = 0; chunk < view.chunkCount; chunk++) {
    const all = view.chunkStateCount(chunk);
    const settled = settledOfChunk(sequence, all, historyOf(view.chunkDevice(chunk))?.watermark);
    if (settled === all) continue;
    chunks++;
    states += all - settled;
  }
  return { chunks, states };
}

/** How many states of a device's chunk in record `sequence` its watermark says are settled. */
export function settledOfChunk(sequence: number, chunkStates: number, watermark: Watermark | undefined): number {
  if (watermark === undefined || sequence > watermark.sequence) return 0;
  return sequence < watermark.sequence ? chunkStates : Math.min(watermark.states, chunkStates);
}
