/** What the memory keeps of a record in the journal. */
interface IndexedRecord {
  readonly bytes: number;
  readonly storedAtMs: number;
  /** Chunks whose device has states of this record left to settle. */
  openChunks: number;
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

  add(sequence: number, bytes: number, storedAtMs: number, openChunks: number, openStates: number): void {
    this.#records.set(sequence, { bytes, storedAtMs, openChunks });
    this.#bytes += bytes;
    this.#states += openStates;
  }

  /** Takes back what {@link JournalIndex.add} added, for a record that could not be stored. */
  drop(sequence: number, openStates: number): void {
    if (!this.#records.has(sequence)) return;
    this.trim(sequence);
    this.#states -= openStates;
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

  /** Forgets a record that the journal no longer holds. */
  trim(sequence: number): void {
    const record = this.#records.get(sequence);
    if (record === undefined) return;
    this.#records.delete(sequence);
    this.#bytes -= record.bytes;
  }
}
