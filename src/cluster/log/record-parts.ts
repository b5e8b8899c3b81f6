import { ID_BYTES } from '../../core/device.js';
import {
  RECORD_CHUNK_BYTES,
  RECORD_HEADER_BYTES,
  RecordView,
  recordOffsets,
  writeRecordChunk,
  writeRecordHeader,
} from '../../state/record-layout.js';
import { partitionOf } from '../subjects.js';

/** Those chunks of a record that belong to one partition. */
export interface RecordPart {
  readonly view: RecordView;
  /** Their numbers, rising. */
  readonly chunks: readonly number[];
  /** What they take in a record of their own, its header left out. */
  readonly byteLength: number;
}

/** A record by partition: each of its chunks is in one of the parts. */
export function partsOf(record: Uint8Array, partitions: number): ReadonlyMap<number, RecordPart> {
  const view = new RecordView(record);
  const chunksOf = new Map<number, number[]>();
  for (let chunk = 0; chunk < view.chunkCount; chunk++) {
    const at = chunkAt(chunk);
    const partition = partitionOf(record.subarray(at, at + 2 * ID_BYTES), partitions);
    const chunks = chunksOf.get(partition);
    if (chunks === undefined) chunksOf.set(partition, [chunk]);
    else chunks.push(chunk);
  }
  return new Map([...chunksOf].map(([partition, chunks]) => [partition, partOf(view, chunks)]));
}

/**
 * One record of several parts, in their order, not sealed yet: the states of a device are one chunk. A record that is alone
 * and whole is taken as it is.
 */
export function joined(parts: readonly RecordPart[]): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first?.chunks.length === first?.view.chunkCount) return (first as RecordPart).view.bytes;
  const devices = byDevice(parts);
  let stateCount = 0;
  let fragmentBytes = 0;
  for (const { view, chunks } of parts) {
    for (const chunk of chunks) {
      stateCount += view.chunkStateCount(chunk);
      fragmentBytes += fragmentBytesOf(view, chunk);
    }
  }
  const record = new Uint8Array(recordOffsets(devices.size, stateCount).fragments + fragmentBytes);
  writeRecordHeader(record, devices.size, stateCount);
  copyStates(new RecordView(record), devices);
  return record;
}

/** When the first of the parts was stored. */
export function storedAtOf(parts: readonly RecordPart[]): number {
  return Math.min(...parts.map(({ view }) => view.storedAtMs));
}

/** Bytes of a joined record of parts that have so many, at most. */
export function joinedByteLength(partBytes: number): number {
  return RECORD_HEADER_BYTES + partBytes;
}

interface PlacedChunk {
  readonly view: RecordView;
  readonly chunk: number;
}

function partOf(view: RecordView, chunks: readonly number[]): RecordPart {
  let byteLength = 0;
  for (const chunk of chunks) {
    byteLength += RECORD_CHUNK_BYTES + view.chunkStateCount(chunk) * 12 + fragmentBytesOf(view, chunk);
  }
  return { view, chunks, byteLength };
}

function chunkAt(chunk: number): number {
  return RECORD_HEADER_BYTES + chunk * RECORD_CHUNK_BYTES;
}

function fragmentBytesOf(view: RecordView, chunk: number): number {
  const count = view.chunkStateCount(chunk);
  if (count === 0) return 0;
  const first = view.chunkFirstState(chunk);
  return view.fragmentEnd(first + count - 1) - view.fragmentStart(first);
}

/** The chunks of each device, in the order of the parts; devices in the order in which they come first. */
function byDevice(parts: readonly RecordPart[]): ReadonlyMap<string, PlacedChunk[]> {
  const devices = new Map<string, PlacedChunk[]>();
  for (const { view, chunks } of parts) {
    const { buffer, byteOffset } = view.bytes;
    for (const chunk of chunks) {
      const ids = Buffer.from(buffer, byteOffset + chunkAt(chunk), 2 * ID_BYTES).toString('latin1');
      const placed = devices.get(ids);
      if (placed === undefined) devices.set(ids, [{ view, chunk }]);
      else placed.push({ view, chunk });
    }
  }
  return devices;
}

function copyStates(into: RecordView, devices: ReadonlyMap<string, readonly PlacedChunk[]>): void {
  let chunkNumber = 0;
  let state = 0;
  let end = 0;
  for (const placed of devices.values()) {
    const firstState = state;
    for (const { view, chunk } of placed) {
      const first = view.chunkFirstState(chunk);
      const count = view.chunkStateCount(chunk);
      if (count === 0) continue;
      const from = view.fragmentStart(first);
      const to = view.fragmentEnd(first + count - 1);
      into.times.set(view.times.subarray(first, first + count), state);
      const shift = end - (from - view.fragmentsOffset);
      for (let i = 0; i < count; i++) into.ends[state + i] = (view.ends[first + i] as number) + shift;
      into.bytes.set(view.bytes.subarray(from, to), into.fragmentsOffset + end);
      state += count;
      end += to - from;
    }
    const { view, chunk } = placed[0] as PlacedChunk;
    writeRecordChunk(into.bytes, chunkNumber++, view.bytes, chunkAt(chunk), firstState, state - firstState);
  }
}
