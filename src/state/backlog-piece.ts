import type { Device } from '../core/device.js';
import { RecordView, recordOffsets, writeRecordChunk, writeRecordHeader } from './record-layout.js';

/** States of one device that stand next to each other in a record. */
export interface StateRange {
  readonly view: RecordView;
  /** Its number in the record, not in the chunk. */
  readonly firstState: number;
  /** At least 1. */
  readonly stateCount: number;
}

/**
 * Makes a piece of backlog: a sealed record of one chunk that holds the states of `ranges` one after the other.
 * @param ranges states of `device`, in order of arrival
 * @param storedAtMs wall-clock milliseconds at which the oldest of them was stored
 * @returns a record (layout: `src/state/record-layout.ts`) at the start of a buffer of its own
 */
export function buildPiece(device: Device, ranges: readonly StateRange[], storedAtMs: number): Uint8Array {
  let stateCount = 0;
  let fragmentBytes = 0;
  for (const range of ranges) {
    stateCount += range.stateCount;
    fragmentBytes += fragmentsEnd(range) - range.view.fragmentStart(range.firstState);
  }
  const piece = emptyPiece(device, stateCount, fragmentBytes);
  let state = 0;
  let end = 0;
  for (const range of ranges) {
    end = copyRange(piece, state, end, range);
    state += range.stateCount;
  }
  piece.seal(storedAtMs);
  return piece.bytes;
}

/** A state on its own. */
export interface LooseState {
  readonly timeMs: number;
  /** As it stands in a record. */
  readonly fragment: Uint8Array;
}

/** As {@link buildPiece}, of states that stand in no record. */
export function buildPieceOfStates(device: Device, states: readonly LooseState[], storedAtMs: number): Uint8Array {
  const fragmentBytes = states.reduce((sum, { fragment }) => sum + fragment.byteLength, 0);
  const piece = emptyPiece(device, states.length, fragmentBytes);
  let end = 0;
  states.forEach(({ timeMs, fragment }, index) => {
    piece.bytes.set(fragment, piece.fragmentsOffset + end);
    end += fragment.byteLength;
    piece.times[index] = timeMs;
    piece.ends[index] = end;
  });
  piece.seal(storedAtMs);
  return piece.bytes;
}

function emptyPiece(device: Device, stateCount: number, fragmentBytes: number): RecordView {
  const bytes = new Uint8Array(recordOffsets(1, stateCount).fragments + fragmentBytes);
  writeRecordHeader(bytes, 1, stateCount);
  writeRecordChunk(bytes, 0, device.idBytes, 0, 0, stateCount);
  return new RecordView(bytes);
}

/** Copies `range` to `state` and on, its fragments to `end` and on, counted from the first; returns where they end. */
function copyRange(piece: RecordView, state: number, end: number, range: StateRange): number {
  const { view, firstState, stateCount } = range;
  const start = view.fragmentStart(firstState);
  piece.bytes.set(view.bytes.subarray(start, fragmentsEnd(range)), piece.fragmentsOffset + end);
  piece.times.set(view.times.subarray(firstState, firstState + stateCount), state);
  const shift = view.fragmentsOffset - start + end;
  for (let i = 0; i < stateCount; i++) {
    piece.ends[state + i] = (view.ends[firstState + i] as number) + shift;
  }
  return end + fragmentsEnd(range) - start;
}

function fragmentsEnd({ view, firstState, stateCount }: StateRange): number {
  return view.fragmentEnd(firstState + stateCount - 1);
}
