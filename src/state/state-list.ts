import { ID_BYTES } from '../core/device.js';
import { recordBufferBytes } from '../core/record-memory.js';
import { RECORD_HEADER_BYTES, recordOffsets, writeRecordChunk, writeRecordHeader } from './record-layout.js';

const INITIAL_STATES = 1024;
const INITIAL_BYTES = 256 * 1024;
const SLOT_BYTES = 2 * ID_BYTES;

/** A record and the slot behind each of its chunks. */
export interface GroupedRecord {
  readonly record: Uint8Array;
  readonly chunkSlots: Uint32Array;
}

/**
 * The accepted states of one batch in order of arrival, each with its time, slot and fragment, until they are grouped
 * by device. Grows to the largest batch it has seen and is used again for the next.
 */
export class StateList {
  /** Fragments, one after the other. A writer reserves room, writes from {@link StateList.byteLength} on, then adds. */
  bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  count = 0;
  byteLength = 0;
  #times = new Float64Array(INITIAL_STATES);
  #ends = new Uint32Array(INITIAL_STATES);
  #slots = new Uint32Array(INITIAL_STATES);
  #places = new Uint32Array(INITIAL_STATES);

  /** Makes room for `byteCount` more bytes of fragments. */
  reserve(byteCount: number): void {
    const needed = this.byteLength + byteCount;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.byteLength));
    this.bytes = grown;
  }

  /** Adds a state whose fragment has been written up to `end`. */
  add(end: number, timeMs: number, slot: number): void {
    const state = this.count;
    if (state === this.#times.length) this.#grow();
    this.#times[state] = timeMs;
    this.#slots[state] = slot;
    this.#ends[state] = end;
    this.byteLength = end;
    this.count = state + 1;
  }

  /** Takes back all but the first `count` states. */
  truncate(count: number): void {
    this.count = count;
    this.byteLength = this.#end(count);
  }

  timeMs(state: number): number {
    return this.#times[state] as number;
  }

  slot(state: number): number {
    return this.#slots[state] as number;
  }

  /**
   * Writes the journal record: one chunk per slot that has states, in order of their first, the states in order of
   * arrival.
   * @param slotIds 24 bytes for each slot
   * @param spare memory for the record, used if it fits
   * @returns undefined when the list is empty
   */
  toRecord(slotIds: Uint8Array, spare?: ArrayBuffer): GroupedRecord | undefined {
    if (this.count === 0) return undefined;
    const { chunkSlots, firstStates } = this.#group(slotIds.length / SLOT_BYTES);
    const chunkCount = chunkSlots.length;
    const offsets = recordOffsets(chunkCount, this.count);
    const record = memoryFor(offsets.fragments + this.byteLength, spare);
    writeRecordHeader(record, chunkCount, this.count);
    for (let chunk = 0; chunk < chunkCount; chunk++) {
      const slot = chunkSlots[chunk] as number;
      const first = firstStates[chunk] as number;
      const stateCount = (firstStates[chunk + 1] as number) - first;
      writeRecordChunk(record, chunk, slotIds, slot * SLOT_BYTES, first, stateCount);
    }
    this.#writeStates(record, offsets);
    return { record, chunkSlots };
  }

  /** Gives every state its place in the record; `firstStates` has one entry more than there are chunks. */
  #group(slotCount: number): { chunkSlots: Uint32Array; firstStates: Uint32Array } {
    const slots = this.#slots;
    const statesOfSlot = new Uint32Array(slotCount);
    const found = new Uint32Array(slotCount);
    let chunkCount = 0;
    for (let state = 0; state < this.count; state++) {
      const slot = slots[state] as number;
      const before = statesOfSlot[slot] as number;
      if (before === 0) found[chunkCount++] = slot;
      statesOfSlot[slot] = before + 1;
    }
    const chunkSlots = found.slice(0, chunkCount);
    const firstStates = new Uint32Array(chunkCount + 1);
    const nextPlace = new Uint32Array(slotCount);
    for (let chunk = 0; chunk < chunkCount; chunk++) {
      const slot = chunkSlots[chunk] as number;
      const first = firstStates[chunk] as number;
      nextPlace[slot] = first;
      firstStates[chunk + 1] = first + (statesOfSlot[slot] as number);
    }
    for (let state = 0; state < this.count; state++) {
      const slot = slots[state] as number;
      const place = nextPlace[slot] as number;
      this.#places[state] = place;
      nextPlace[slot] = place + 1;
    }
    return { chunkSlots, firstStates };
  }

  #writeStates(record: Uint8Array, offsets: { times: number; ends: number; fragments: number }): void {
    const { count } = this;
    const places = this.#places;
    const times = new Float64Array(record.buffer, offsets.times, count);
    const ends = new Uint32Array(record.buffer, offsets.ends, count);
    for (let state = 0; state < count; state++) {
      const place = places[state] as number;
      times[place] = this.#times[state] as number;
      ends[place] = this.#end(state + 1) - this.#end(state);
    }
    for (let place = 1; place < count; place++) ends[place] = (ends[place] as number) + (ends[place - 1] as number);
    // States that are neighbours in the record too are copied at once: those of one device, and those of many that sent one each.
    let from = 0;
    while (from < count) {
      let to = from + 1;
      while (to < count && places[to] === (places[to - 1] as number) + 1) to++;
      const place = places[from] as number;
      const start = place === 0 ? 0 : (ends[place - 1] as number);
      record.set(this.bytes.subarray(this.#end(from), this.#end(to)), offsets.fragments + start);
      from = to;
    }
  }

  /** Where the first `count` states end in {@link StateList.bytes}. */
  #end(count: number): number {
    return count === 0 ? 0 : (this.#ends[count - 1] as number);
  }

  #grow(): void {
    const length = 2 * this.#times.length;
    const times = new Float64Array(length);
    times.set(this.#times);
    this.#times = times;
    const ends = new Uint32Array(length);
    ends.set(this.#ends);
    this.#ends = ends;
    const slots = new Uint32Array(length);
    slots.set(this.#slots);
    this.#slots = slots;
    this.#places = new Uint32Array(length);
  }
}

/** Memory for a record, with an empty header: all else is written over. */
function memoryFor(recordBytes: number, spare: ArrayBuffer | undefined): Uint8Array {
  if (spare === undefined || spare.byteLength < recordBytes) {
    return new Uint8Array(new ArrayBuffer(recordBufferBytes(recordBytes)), 0, recordBytes);
  }
  const record = new Uint8Array(spare, 0, recordBytes);
  record.fill(0, 0, RECORD_HEADER_BYTES);
  return record;
}
