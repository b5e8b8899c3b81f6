import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ENTRY_HEAD_BYTES, readEntryHead, seedOf } from './block-layout.js';
import type { RecordPlace } from './pending-entry.js';
import type { Segment } from './segment.js';

/** What is read at a time: records that stand one behind the other are mostly asked for so. */
const WINDOW_BYTES = 64 * 1024;

/** A record that was read back. */
export interface RecoveredRecord {
  readonly sequence: number;
  /** A copy, aligned as its view needs it. */
  readonly bytes: Uint8Array;
  readonly place: RecordPlace;
}

/** Told of a record that could be read once and can no more. */
export type OnLost = (segment: Segment, position: number, at: number) => void;

/**
 * The records that were found, in order of their sequences and each once, though a copy may be left where it was moved
 * from. A few numbers are kept of each; the bytes are read when they are asked for.
 */
export class RecoveredRecords implements Iterable<RecoveredRecord> {
  readonly #directory: string;
  readonly #onLost: OnLost;
  readonly #sequences: number[] = [];
  readonly #positions: number[] = [];
  readonly #segments: Segment[] = [];
  /** Where the heads of their entries stand. */
  readonly #places: number[] = [];
  readonly #bytes: number[] = [];
  /** Which of them there are, in order. */
  #order = new Uint32Array(0);

  constructor(directory: string, onLost: OnLost) {
    this.#directory = directory;
    this.#onLost = onLost;
  }

  /** Undefined when there is none. */
  get firstSequence(): number | undefined {
    return this.#sequences[this.#order[0] ?? -1];
  }

  add(sequence: number, position: number, segment: Segment, at: number, bytes: number): void {
    this.#sequences.push(sequence);
    this.#positions.push(position);
    this.#segments.push(segment);
    this.#places.push(at);
    this.#bytes.push(bytes);
  }

  /**
   * All were added: puts them in order, and counts each as live in its segment. Of two copies the later one is; the
   * other segment is then the sooner free.
   * @param voided positions of blocks whose records do not count
   */
  arrange(voided: ReadonlySet<number>): void {
    const [sequences, positions] = [this.#sequences, this.#positions];
    const all = new Uint32Array(sequences.length).map((_, index) => index);
    const order = all.filter((index) => !voided.has(positions[index] as number));
    const compare = (a: number, b: number) =>
      (sequences[a] as number) - (sequences[b] as number) || (positions[a] as number) - (positions[b] as number);
    if (!isInOrder(order, compare)) order.sort(compare);
    this.#order = order.filter((index, rank) => sequences[index] !== sequences[order[rank + 1] ?? -1]);
    for (const index of this.#order) (this.#segments[index] as Segment).addLive(this.#bytes[index] as number);
  }

  /** Whether a record of that sequence is among them. */
  has(sequence: number): boolean {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sequences[this.#order[middle] as number] as number) < sequence) low = middle + 1;
      else high = middle;
    }
    return this.#sequences[this.#order[low] ?? -1] === sequence;
  }

  *[Symbol.iterator](): Iterator<RecoveredRecord> {
    const window = new ReadWindow(this.#directory);
    try {
      for (const index of this.#order) {
        const record = this.#read(window, index);
        if (record !== undefined) yield record;
      }
    } finally {
      window.close();
    }
  }

  #read(window: ReadWindow, index: number): RecoveredRecord | undefined {
    const sequence = this.#sequences[index] as number;
    const segment = this.#segments[index] as Segment;
    const position = this.#positions[index] as number;
    const at = this.#places[index] as number;
    const bytes = this.#bytes[index] as number;
    const entry = window.read(segment, at, ENTRY_HEAD_BYTES + bytes);
    const head = entry === undefined ? undefined : readEntryHead(entry, 0, seedOf(position));
    const record = new Uint8Array(entry?.subarray(ENTRY_HEAD_BYTES) ?? []);
    if (head?.number === sequence && crc32(record) === head.checksum) {
      return { sequence, bytes: record, place: { bytes, segment } };
    }
    this.#onLost(segment, position, at);
    return undefined;
  }
}

/** Reads here and there in files, a stretch at a time. */
class ReadWindow {
  readonly #directory: string;
  #segment: Segment | undefined = undefined;
  #descriptor = -1;
  #start = 0;
  #window = Buffer.alloc(0);

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Bytes of a file, good until the next call; undefined when they cannot be read. */
  read(segment: Segment, at: number, length: number): Buffer | undefined {
    const end = this.#start + this.#window.byteLength;
    if (segment !== this.#segment || at < this.#start || at + length > end) {
      try {
        this.#fill(segment, at, Math.max(length, WINDOW_BYTES));
      } catch {
        return undefined;
      }
    }
    const bytes = this.#window.subarray(at - this.#start, at - this.#start + length);
    return bytes.byteLength === length ? bytes : undefined;
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #fill(segment: Segment, at: number, length: number): void {
    this.#window = Buffer.alloc(0);
    if (segment !== this.#segment) {
      this.close();
      this.#descriptor = openSync(join(this.#directory, segment.fileName), 'r');
      this.#segment = segment;
    }
    const window = Buffer.allocUnsafeSlow(length);
    let done = 0;
    for (let read = -1; read !== 0 && done < length; done += read) {
      read = readSync(this.#descriptor, window, done, length - done, at + done);
    }
    this.#start = at;
    this.#window = window.subarray(0, done);
  }
}

function isInOrder(order: Uint32Array, compare: (a: number, b: number) => number): boolean {
  return order.every((index, rank) => rank === 0 || compare(order[rank - 1] as number, index) < 0);
}
