import { type EntryContents, EntryKind, entryBytes } from './block-layout.js';
import type { Segment } from './segment.js';

const NOTHING = new Uint8Array(0);

/** Where a live record stands. Whoever keeps the index of records has one for each. */
export interface RecordPlace {
  /** Of the record. */
  readonly bytes: number;
  /** Set when its block is on disk, and when it is moved; undefined before, and once it is released. */
  segment: Segment | undefined;
}

/** Something that waits to be written, and who waits for it. */
export class PendingEntry implements EntryContents {
  readonly kind: EntryKind;
  readonly table: number;
  readonly number: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly checksum: number | undefined;
  /** Of a record. */
  readonly #place: RecordPlace | undefined;
  /** Of a record that is moved: where it was. */
  readonly #from: Segment | undefined;
  /** Bytes that it takes up in a block. */
  readonly bytes: number;
  /** Settles when it is on disk. */
  readonly written: Promise<void>;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  private constructor(contents: EntryContents, place: RecordPlace | undefined, from: Segment | undefined) {
    this.kind = contents.kind;
    this.table = contents.table;
    this.number = contents.number;
    this.key = contents.key;
    this.value = contents.value;
    this.checksum = contents.checksum;
    this.#place = place;
    this.#from = from;
    this.bytes = entryBytes(contents.key.byteLength + contents.value.byteLength);
    this.written = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /**
   * @param checksum CRC-32 of all bytes of the record, where it is known
   * @param from where it is now; undefined when it is new
   */
  static record(
    sequence: number,
    record: Uint8Array,
    place: RecordPlace,
    checksum: number | undefined,
    from?: Segment,
  ): PendingEntry {
    const contents = { kind: EntryKind.record, table: 0, number: sequence, key: NOTHING, value: record, checksum };
    return new PendingEntry(contents, place, from);
  }

  static row(table: number, key: Uint8Array, value: Uint8Array): PendingEntry {
    return new PendingEntry({ kind: EntryKind.row, table, number: key.byteLength, key, value }, undefined, undefined);
  }

  /** @param position of the block that does not count; 0 for none */
  static void(position: number): PendingEntry {
    const contents = { kind: EntryKind.void, table: 0, number: position, key: NOTHING, value: NOTHING };
    return new PendingEntry(contents, undefined, undefined);
  }

  /** Whether it takes room that only a settlement gives back. */
  get isNewRecord(): boolean {
    return this.#place !== undefined && this.#from === undefined;
  }

  /** It stands in a block of `segment`: a record is live there from now on, unless it was released meanwhile. */
  enter(segment: Segment): void {
    const place = this.#place;
    if (place === undefined || place.segment !== this.#from) return;
    this.#from?.dropLive(place.bytes);
    segment.addLive(place.bytes);
    place.segment = segment;
  }

  resolve(): void {
    this.#resolve();
  }

  reject(error: unknown): void {
    this.#reject(error);
  }
}
