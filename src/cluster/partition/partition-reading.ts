import type { Reading, ReadRecord, Watermark } from '../../core/spool-ports.js';
import { RecordView } from '../../state/record-layout.js';
import type { IntakeStream, LogReading, LogRecord } from '../intake-stream.js';
import type { WriterRow } from '../ledger/changes.js';
import type { KnownDevices } from './known-devices.js';
import { OpenRecords } from './open-records.js';
import type { OwnerStamps } from './owner-stamps.js';

/** Down to this share of the bound on what waits in memory the reading rests. */
const LOW_WATER = 0.5;

export interface PartitionReadingParts {
  readonly intake: IntakeStream;
  readonly known: KnownDevices;
  readonly stamps: OwnerStamps;
  readonly onRecord: (record: ReadRecord) => void;
  readonly onUnreadable: (sequence: number, reason: string) => void;
}

/**
 * Reads the records of a partition, gives their states times, and hands over those that are not settled. It rests while as
 * much as may waits in memory: what the cloud does not take stays in the stream and is written nowhere else.
 */
export class PartitionReading implements Reading {
  readonly caughtUp: Promise<void>;
  readonly open: OpenRecords;
  readonly #parts: PartitionReadingParts;
  readonly #maxOpenBytes: number;
  readonly #log: LogReading;
  #lastRead = 0;
  #isPaused = false;
  #isFull = false;

  constructor(
    options: { readonly partition: number; readonly maxOpenBytes: number },
    parts: PartitionReadingParts,
    from: { readonly cursor: number; readonly writers: readonly WriterRow[] },
  ) {
    this.#parts = parts;
    this.#maxOpenBytes = options.maxOpenBytes;
    this.open = new OpenRecords(from.cursor, from.writers);
    const counters = new Map(from.writers.map(({ writer, counter }) => [writer, counter]));
    this.#log = parts.intake.read(
      options.partition,
      { sequence: from.cursor, counters },
      (record) => this.#take(record),
      parts.onUnreadable,
    );
    this.caughtUp = this.#log.caughtUp;
  }

  get lastRead(): number {
    return this.#lastRead;
  }

  pause(): void {
    this.#isPaused = true;
    this.#log.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isFull) this.#log.resume();
  }

  /** Nothing is handed over any more. */
  stop(): void {
    this.#log.stop();
  }

  /** States were settled or have left for the backlog, and with them the chunks of a device in these records. */
  settle(states: number, finishedSequences: readonly number[]): void {
    this.open.settleStates(states);
    for (const sequence of finishedSequences) this.open.closeChunk(sequence);
    if (!this.#isFull || this.open.bytes > LOW_WATER * this.#maxOpenBytes) return;
    this.#isFull = false;
    if (!this.#isPaused) this.#log.resume();
  }

  #take({ sequence, record, writer, counter }: LogRecord): void {
    const view = new RecordView(record);
    const { chunks, states } = this.#stampOpen(sequence, view);
    const bytes = record.byteLength;
    this.open.add(sequence, { writer, counter, storedAtMs: view.storedAtMs, bytes, openChunks: chunks }, states);
    if (chunks > 0) this.#parts.onRecord({ sequence, record, grants: undefined });
    this.#lastRead = sequence;
    if (this.#isFull || this.open.bytes <= this.#maxOpenBytes) return;
    this.#isFull = true;
    this.#log.pause();
  }

  /** Stamps the chunks that are not settled whole. @returns how many there are, and their states that are left */
  #stampOpen(sequence: number, view: RecordView): { readonly chunks: number; readonly states: number } {
    const { known, stamps } = this.#parts;
    let chunks = 0;
    let states = 0;
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      const device = view.chunkDevice(chunk);
      const left = view.chunkStateCount(chunk) - settledOf(sequence, known.of(device)?.watermark);
      if (left <= 0) continue;
      stamps.stamp(device, sequence, view, chunk);
      chunks++;
      states += left;
    }
    return { chunks, states };
  }
}

/** States at the start of a device's chunk in a record that its watermark says are settled. */
function settledOf(sequence: number, watermark: Watermark | undefined): number {
  if (watermark === undefined || sequence > watermark.sequence) return 0;
  return sequence < watermark.sequence ? Number.POSITIVE_INFINITY : watermark.states;
}
