import type { Spool } from '../core/ports.js';
import { type Corrections, timeToSend } from '../core/timebase.js';
import type { LooseState } from '../state/backlog-piece.js';
import type { Lane } from './lane.js';
import { FirstPiece } from './lane-backlog.js';
import { type BodyRules, buildRequestBody, fragmentOf, type RequestBody } from './request-body.js';
import type { StateRun, Taken } from './waiting-chunk.js';

/** It is not decided what time the next state is sent with. */
const NOTHING_DECIDED = {
  taken: { piece: undefined, pieceStates: 0, journalStates: 0 },
  kept: undefined,
  passed: undefined,
} as const;

/** What waits at the head of a lane, read for one step: the first piece of its backlog, then its chunks. */
export interface Head {
  readonly piece: FirstPiece | undefined;
  /** As far as it may be sent in one body: not past the first piece while more of the backlog comes between it and the chunks. */
  readonly runs: readonly StateRun[];
}

/** The states that a body passes by: those before the one that it carries, which it settles too. */
export interface PassedStates {
  readonly states: readonly LooseState[];
  /** Those alone. */
  readonly taken: Taken;
}

/** A body to be sent, and the states that it settles. */
export interface Batch {
  readonly body: RequestBody;
  readonly taken: Taken;
  /** The states themselves where a refusal gives them up: of a body of one state, or of one that was asked for so. */
  readonly kept: readonly LooseState[] | undefined;
  /** States at the head that the body passes by, to see whether they alone are at fault; undefined as a rule. */
  readonly passed: PassedStates | undefined;
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
 * @param isGivenUpWhole whether a refusal gives all of its states up
 * @throws what a fragment that cannot be read back makes throw
 */
export function buildBatch(head: Head, rules: BodyRules, isGivenUpWhole: boolean): Batch | undefined {
  if (head.runs[0] === undefined) return undefined;
  const body = buildRequestBody(head.runs, rules);
  const taken = takenOf(head, body.states);
  const isKept = body.states === 1 || isGivenUpWhole;
  return {
    body,
    taken,
    kept: isKept ? copyOf(head.runs, body.states, rules.corrections) : undefined,
    passed: undefined,
  };
}

/**
 * A body of the state behind the first `passedStates` of a head alone, which settles them all; undefined when there is none.
 * @throws what a fragment that cannot be read back makes throw
 */
export function buildBatchBehind(head: Head, passedStates: number, rules: BodyRules): Batch | undefined {
  const copies = copyOf(head.runs, passedStates + 1, rules.corrections);
  const next = copies.pop();
  if (next === undefined || copies.length < passedStates) return undefined;
  const body = buildRequestBody(without(head.runs, passedStates), { ...rules, maxStates: 1 });
  if (body.states === 0) return { ...NOTHING_DECIDED, body };
  const passed = { states: copies, taken: takenOf(head, passedStates) };
  return { body, taken: takenOf(head, passedStates + 1), kept: [next], passed };
}

/** What is left of runs behind their first `states` states. */
function without(runs: readonly StateRun[], states: number): StateRun[] {
  const left: StateRun[] = [];
  let toPass = states;
  for (const { view, nextState, endState } of runs) {
    const passed = Math.min(toPass, endState - nextState);
    toPass -= passed;
    if (nextState + passed < endState) left.push({ view, nextState: nextState + passed, endState });
  }
  return left;
}

/** The fragments of what waits, in order. */
export function* fragmentsOf(runs: readonly StateRun[]): Iterable<Uint8Array> {
  for (const { view, nextState, endState } of runs) {
    for (let state = nextState; state < endState; state++) yield fragmentOf(view, state);
  }
}

/** Copies, since the records they stand in may be moved while the request is out. */
function copyOf(runs: readonly StateRun[], states: number, corrections: Corrections): LooseState[] {
  const copies: LooseState[] = [];
  for (const { view, nextState, endState } of runs) {
    for (let state = nextState; state < endState && copies.length < states; state++) {
      const timeMs = timeToSend(view.times[state] as number, corrections);
      copies.push({ timeMs, fragment: fragmentOf(view, state).slice() });
    }
  }
  return copies;
}
