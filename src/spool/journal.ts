import type { Device } from '../core/device.js';
import type { DeviceHistory, StoredRecord, Watermark } from '../core/ports.js';
import { RecordView } from '../state/record-layout.js';
import { JournalIndex } from './journal-index.js';
import { journalKey, sequenceOfJournalKey } from './keys.js';
import type { Rows } from './table.js';
import type { Change } from './transaction.js';

/** A record that cannot be read back, where it stands, and why. */
export interface DamagedRecord {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly reason: string;
}

/** What {@link Journal.replay} asks and tells. */
export interface ReplayParts {
  readonly historyOf: (device: Device) => DeviceHistory | undefined;
  readonly onDamaged: (record: DamagedRecord) => void;
  /** Told of each record that the watermarks say is settled whole, though it was not trimmed. */
  readonly onSettled: (key: Buffer) => void;
}

/** The records that wait, in order, each trimmed when all its devices are settled (docs/architecture.md). */
export class Journal {
  readonly #db: Rows;
  readonly #index = new JournalIndex();
  /** Records that were refused and may yet be on disk, as their commit failed or came too late. */
  #doubtful: number[] = [];

  constructor(db: Rows) {
    this.#db = db;
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

  /** The lowest sequence on disk; undefined when there is none that can be read. */
  firstSequence(): number | undefined {
    return this.#firstReadable(false);
  }

  lastSequence(): number | undefined {
    return this.#firstReadable(true);
  }

  /**
   * Stores a record; counts it from now on, and no longer when that fails.
   * @param confirm throws when what was committed does not count after all
   */
  async append(sequence: number, record: Uint8Array, confirm: () => void): Promise<void> {
    const view = new RecordView(record);
    this.#index.add(sequence, record.byteLength, view.storedAtMs, view.chunkCount, view.stateCount);
    try {
      const isWritten = await this.#db.put(journalKey(sequence), asBuffer(record));
      if (!isWritten) throw new Error('the journal did not take the record');
      confirm();
    } catch (error) {
      this.#doubtful.push(sequence);
      this.#index.drop(sequence, view.stateCount);
      throw error;
    }
  }

  /**
   * `states` are settled here, or have left for a backlog, and with them the last ones of a device in
   * `finishedSequences`: trims what has no device left.
   */
  settle(states: number, finishedSequences: readonly number[]): Change {
    const index = this.#index;
    const trimmed = finishedSequences.filter((sequence) => index.closeChunk(sequence));
    return {
      write: () => trimmed.map((sequence) => this.#db.remove(journalKey(sequence))),
      committed: () => {
        index.settleStates(states);
        for (const sequence of trimmed) index.trim(sequence);
      },
      // The same will be asked for again: counted twice, it would trim records that other devices still need.
      failed: () => {
        for (const sequence of finishedSequences) index.reopenChunk(sequence);
      },
    };
  }

  /** Takes out what was refused and may be on disk all the same: its device was told to send it again. */
  dropDoubtful(): Change {
    const doubtful = this.#doubtful;
    return {
      write: () => doubtful.map((sequence) => this.#db.remove(journalKey(sequence))),
      committed: () => {
        this.#doubtful = this.#doubtful.slice(doubtful.length);
      },
      failed: () => {},
    };
  }

  /** What the last run left, in order. To be run through once, before the first append. */
  *replay({ historyOf, onDamaged, onSettled }: ReplayParts): Iterable<StoredRecord> {
    for (const { key, value } of this.#db.getRange({})) {
      const sequence = sequenceOfJournalKey(key);
      const opened = sequence === undefined ? 'its key is damaged' : RecordView.open(value);
      if (typeof opened === 'string') {
        onDamaged({ key: Buffer.from(key), value, reason: opened });
      } else if (this.#count(sequence as number, opened, historyOf)) {
        yield { sequence: sequence as number, record: opened.bytes };
      } else {
        onSettled(Buffer.from(key));
      }
    }
  }

  /** Counts what is open of a record read back; false when nothing is. */
  #count(sequence: number, view: RecordView, historyOf: ReplayParts['historyOf']): boolean {
    let openChunks = 0;
    let openStates = 0;
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      const states = view.chunkStateCount(chunk);
      const settled = settledOfChunk(sequence, states, historyOf(view.chunkDevice(chunk))?.watermark);
      if (settled === states) continue;
      openChunks++;
      openStates += states - settled;
    }
    if (openChunks === 0) return false;
    this.#index.add(sequence, view.bytes.byteLength, view.storedAtMs, openChunks, openStates);
    return true;
  }

  #firstReadable(reverse: boolean): number | undefined {
    for (const key of this.#db.getKeys({ reverse })) {
      const sequence = sequenceOfJournalKey(key);
      if (sequence !== undefined) return sequence;
    }
    return undefined;
  }
}

/** How many states of a device's chunk in record `sequence` its watermark says are settled. */
export function settledOfChunk(sequence: number, chunkStates: number, watermark: Watermark | undefined): number {
  if (watermark === undefined || sequence > watermark.sequence) return 0;
  return sequence < watermark.sequence ? chunkStates : Math.min(watermark.states, chunkStates);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
