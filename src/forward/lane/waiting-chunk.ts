import type { RecordView } from '../../state/record-layout.js';
import { STATE_OVERHEAD_BYTES } from '../../state/state-json.js';

/** States that stand next to each other, from `nextState` up to, not including, `endState`: what a body is joined from. */
export interface StateRun {
  readonly view: RecordView;
  readonly nextState: number;
  readonly endState: number;
}

/** About how many bytes the states from `first` up to `end` take in a body; exact for times of 13 digits. */
export function waitingBytesOf(view: RecordView, first: number, end: number): number {
  if (end <= first) return 0;
  return view.fragmentEnd(end - 1) - view.fragmentStart(first) + (end - first) * STATE_OVERHEAD_BYTES;
}

/** A record of the journal that lanes still have states of. */
export class JournalRecord {
  readonly sequence: number;
  /** Monotonic: since when its states wait. */
  readonly sinceMs: number;
  /** Of the record for each of its chunks, about. */
  readonly chunkBytes: number;
  readonly chunkCount: number;
  /** Chunks of it that wait in lanes: neither settled nor in the backlog. */
  openChunks = 0;

  constructor(sequence: number, view: RecordView, sinceMs: number) {
    this.sequence = sequence;
    this.sinceMs = sinceMs;
    this.chunkCount = view.chunkCount;
    this.chunkBytes = Math.floor(view.bytes.byteLength / Math.max(1, view.chunkCount));
  }
}

/** Memory that waiting states stand in: a record as it came, or what was packed of several for one lane. */
export class HeldBytes {
  readonly view: RecordView;
  /** What it costs to hold them, the objects around them included. */
  readonly footprint: number;
  readonly isPack: boolean;
  /** Its memory is for other records as soon as no chunk stands in it. */
  readonly isReusable: boolean;
  /** Chunks that stand in it. */
  openChunks = 0;

  constructor(view: RecordView, footprint: number, isPack: boolean, isReusable: boolean) {
    this.view = view;
    this.footprint = footprint;
    this.isPack = isPack;
    this.isReusable = isReusable;
  }
}

/** What is left to settle of one device's chunk of one record. */
export class WaitingChunk implements StateRun {
  readonly record: JournalRecord;
  held: HeldBytes;
  /** Where the chunk starts, or would, were its settled states still there: below 0 in a pack that left them out. */
  firstState: number;
  nextState: number;
  endState: number;

  constructor(record: JournalRecord, held: HeldBytes, firstState: number, nextState: number, endState: number) {
    this.record = record;
    this.held = held;
    this.firstState = firstState;
    this.nextState = nextState;
    this.endState = endState;
  }

  get view(): RecordView {
    return this.held.view;
  }

  /** States that wait. */
  get states(): number {
    return this.endState - this.nextState;
  }

  /** Its waiting states stand in `held` now, from `nextState` on. */
  moveTo(held: HeldBytes, nextState: number): void {
    const shift = nextState - this.nextState;
    this.held = held;
    this.firstState += shift;
    this.nextState += shift;
    this.endState += shift;
  }
}

/** States at the head of a lane: first those of its first backlog piece, then those of the journal. */
export interface Taken {
  /** The piece they start in, as it stood before; undefined when the lane has no backlog. */
  readonly piece:
    | { readonly sequence: number; readonly settledStates: number; readonly stateCount: number }
    | undefined;
  readonly pieceStates: number;
  readonly journalStates: number;
}
