import type { RecordView } from '../state/record-layout.js';

/** A record in memory for the lanes that still have states of it to send. */
export class HeldRecord {
  readonly view: RecordView;
  readonly sequence: number;
  /** Chunks of it that wait in lanes. */
  openChunks = 0;

  constructor(view: RecordView, sequence: number) {
    this.view = view;
    this.sequence = sequence;
  }
}

/** What is left to send of one chunk: the states from `nextState` up to, not including, `endState` of its record. */
export class WaitingChunk {
  readonly held: HeldRecord;
  readonly firstState: number;
  nextState: number;
  readonly endState: number;

  constructor(held: HeldRecord, firstState: number, nextState: number, endState: number) {
    this.held = held;
    this.firstState = firstState;
    this.nextState = nextState;
    this.endState = endState;
  }
}
