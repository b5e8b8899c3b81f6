import { buildPiece, type StateRange } from '../../state/backlog-piece.js';
import { RecordView } from '../../state/record-layout.js';
import type { Lane } from './lane.js';
import type { MemoryLedger } from './memory-ledger.js';
import { type WaitingChunk, waitingBytesOf } from './waiting-chunk.js';

/**
 * Copies the waiting states of a lane out of the records they came in, into one buffer of their own. A record that one
 * lane alone still needs is then free, and a record of one state costs a tenth of what it did. What waits, in which
 * order and how far it is settled stays as it is, so that this may happen while a request of the lane is in flight.
 *
 * Does nothing where that would take more memory than it frees: the one state of each of many devices is cheapest in the
 * record that it came in with others.
 */
export function packLane(lane: Lane, memory: MemoryLedger): void {
  // Packs come first: a chunk that is pushed later stands in its record.
  const firstUnpacked = lane.chunks.findIndex((chunk) => !chunk.held.isPack);
  if (firstUnpacked < 0) return;
  const chunks = lane.chunks.slice(firstUnpacked);
  if (freedBytes(chunks) <= memory.packFootprint(waitingBytes(chunks), chunks.length)) return;
  // Never stored, so its stamp is of no use.
  const view = new RecordView(buildPiece(lane.device, rangesOf(chunks), 0));
  const pack = memory.newPack(view, chunks.length);
  let nextState = 0;
  for (const chunk of chunks) {
    const bytes = waitingBytesOf(chunk.view, chunk.nextState, chunk.endState);
    const { states } = chunk;
    memory.move(chunk, pack, nextState, bytes);
    nextState += states;
  }
}

/** What the memory that chunks stand in costs on their account. */
function freedBytes(chunks: readonly WaitingChunk[]): number {
  let bytes = 0;
  for (const { held } of chunks) bytes += held.footprint / held.openChunks;
  return bytes;
}

function waitingBytes(chunks: readonly WaitingChunk[]): number {
  let bytes = 0;
  for (const { view, nextState, endState } of chunks) bytes += waitingBytesOf(view, nextState, endState);
  return bytes;
}

/** The waiting states of chunks; neighbours in one buffer are one range. */
export function rangesOf(chunks: readonly WaitingChunk[], states = Number.POSITIVE_INFINITY): StateRange[] {
  const ranges: { view: RecordView; firstState: number; stateCount: number }[] = [];
  let left = states;
  for (const chunk of chunks) {
    if (left <= 0) break;
    const stateCount = Math.min(left, chunk.states);
    left -= stateCount;
    const last = ranges.at(-1);
    if (last?.view === chunk.view && last.firstState + last.stateCount === chunk.nextState) {
      last.stateCount += stateCount;
    } else {
      ranges.push({ view: chunk.view, firstState: chunk.nextState, stateCount });
    }
  }
  return ranges;
}
