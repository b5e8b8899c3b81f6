import type { RecordPlace } from '../segments/pending-entry.js';
import type { Segment } from '../segments/segment.js';

/** What the memory keeps of a record in the journal. */
class IndexedRecord implements RecordPlace {
  readonly bytes: number;
  readonly storedAtMs: number;
  /** Chunks whose device has states of this record left to settle. */
  openChunks: number;
  segment: Segment | undefined = undefined;

  constructor(bytes: number, storedAtMs: number, openChunks: number) {
    this.bytes = bytes;
    this.storedAtMs = storedAtMs;
    this.openChunks = openChunks;
  }
}

/**
 * Which records the journal holds and how much of each is still open: a few numbers a record, no data. Records enter in
 * the order of their sequences, so the first one is the oldest.
 */
export class JournalIndex {
  readonly #records = new Map<number, IndexedRecord>();
  #bytes = 0;
  #states = 0;

  /** Bytes of the records that are not trimmed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** States not settled. */
  get states(): number {
    return this.#states;
  }

  get oldestStoredAtMs(): number | undefined {
    for (const record of this.#records.values()) return record.storedAtMs;
    return undefined;
  }

  add(sequence: number, bytes: number, storedAtMs: number, openChunks: number, openStates: number): RecordPlace {
    const record = new IndexedRecord(bytes, storedAtMs, openChunks);
    this.#records.set(sequence, record);
    this.#bytes += bytes;
    this.#states += openStates;
    return record;
  }

  /** Where a record stands; undefined for one that is trimmed. */
  placeOf(sequence: number): RecordPlace | undefined {
    return this.#records.get(sequence);
  }

  /** Takes back what {@link JournalIndex.add} added, for a record that could not be stored. */
  drop(sequence: number, openStates: number): void {
    if (this.trim(sequence) !== undefined) this.#states -= openStates;
  }

  settleStates(states: number): void {
    this.#states -= states;
  }

  /** Closes one chunk of a record; true when that was its last, so that the record may be trimmed. */
  closeChunk(sequence: number): boolean {
    const record = this.#records.get(sequence);
    if (record === undefined) return false;
    record.openChunks--;
    return record.openChunks === 0;
  }

  /** Takes back a {@link JournalIndex.closeChunk} that could not be written down. */
  reopenChunk(sequence: number): void {
    const record = this.#records.get(sequence);
    if (record !== undefined) record.openChunks++;
  }

  /** Forgets a record that the journal need not hold any longer. @returns where it stands */
  trim(sequence: number): RecordPlace | undefined {
    const record = this.#records.get(sequence);
    if (record === undefined) return undefined;
    this.#records.delete(sequence);
    this.#bytes -= record.bytes;
    return record;
  }
}
