import type { Spool } from '../core/ports.js';
import type { Lane, Taken } from './lane.js';
import { FirstPiece } from './lane-backlog.js';
import { type BodyRules, buildRequestBody, fragmentOf, type RequestBody } from './request-body.js';
import type { StateRun } from './waiting-chunk.js';

/** What waits at the head of a lane, read for one step: the first piece of its backlog, then its chunks. */
export interface Head {
  readonly piece: FirstPiece | undefined;
  /** As far as it may be sent in one body: not past the first piece while more of the backlog comes between it and the chunks. */
  readonly runs: readonly StateRun[];
}

/** A body to be sent, and the states that it settles. */
export interface Batch {
  readonly body: RequestBody;
  readonly taken: Taken;
  /** A body of one state: that state, should the cloud refuse it. */
  readonly onlyState: { readonly timeMs: number; readonly fragment: Uint8Array } | undefined;
}

/**
 * Reads what is next. Nothing of a piece is kept by the lane, so that the pieces in memory are those being read.
 * @throws what the spool throws when it cannot be read
 */
export function readHead(lane: Lane, spool: Spool): Head {
  const { backlog, chunks } = lane;
  if (backlog.isEmpty) return { piece: undefined, runs: chunks };
  const stored = spool.readBacklog(lane.device);
  if (stored === undefined) {
    // Pieces that cannot be read back are set aside by the spool.
    backlog.clear();
    return { piece: undefined, runs: chunks };
  }
  const piece = new FirstPiece(stored);
  return { piece, runs: piece.states >= backlog.states ? [piece, ...chunks] : [piece] };
}

/** The first `states` states of a head. */
export function takenOf({ piece }: Head, states: number): Taken {
  if (piece === undefined) return { piece, pieceStates: 0, journalStates: states };
  const pieceStates = Math.min(states, piece.states);
  const { sequence, nextState, endState } = piece;
  return {
    piece: { sequence, settledStates: nextState, stateCount: endState },
    pieceStates,
    journalStates: states - pieceStates,
  };
}

/**
 * The next body of a head; undefined when nothing waits.
 * @throws what a fragment that cannot be read back makes throw
 */
export function buildBatch(head: Head, rules: BodyRules): Batch | undefined {
  const first = head.runs[0];
  if (first === undefined) return undefined;
  const body = buildRequestBody(head.runs, rules);
  const taken = takenOf(head, body.states);
  if (body.states > 1) return { body, taken, onlyState: undefined };
  const { view, nextState } = first;
  const onlyState = { timeMs: view.times[nextState] as number, fragment: fragmentOf(view, nextState).slice() };
  return { body, taken, onlyState };
}
