import type { CloudClient, SendResult } from '../../core/cloud-port.js';
import type { Device } from '../../core/device.js';
import type { BacklogPiece } from '../../core/spool-ports.js';
import type { Clock } from '../../core/time/clock.js';
import { type Corrections, timeToSend } from '../../core/time/timebase.js';
import { buildPieceOfStates, type LooseState } from '../../state/backlog-piece.js';
import { RecordView } from '../../state/record-layout.js';
import type { Lane } from '../lane/lane.js';
import type { StateRun, Taken } from '../lane/waiting-chunk.js';
import { reasonOf, statusOf } from './outcome.js';
import { type BodyRules, buildRequestBody, type Coalesce, type RequestBody } from './request-body.js';
import type { SendTimes } from './time-question.js';

/** It is not decided what time the next state is sent with. */
const NOTHING_DECIDED = {
  taken: { piece: undefined, pieceStates: 0, journalStates: 0 },
  kept: undefined,
  passed: undefined,
} as const;

/** The first piece of a lane's backlog, read for one body or one settlement and not kept longer. */
export class FirstPiece implements StateRun {
  readonly sequence: number;
  readonly view: RecordView;
  readonly nextState: number;

  constructor({ sequence, record, settledStates }: BacklogPiece) {
    this.sequence = sequence;
    // Typed arrays over the record need its start aligned; one read from disk may stand anywhere in its buffer.
    this.view = new RecordView(record.byteOffset % 8 === 0 ? record : Uint8Array.from(record));
    this.nextState = settledStates;
  }

  get endState(): number {
    return this.view.stateCount;
  }

  /** States that wait. */
  get states(): number {
    return this.endState - this.nextState;
  }
}

/** What waits at the head of a lane, read for one step: the first piece of its backlog, then its chunks. */
export interface LaneHead {
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
export interface Delivery {
  readonly body: RequestBody;
  readonly taken: Taken;
  /** The states themselves where a refusal gives them up: of a body of one state, or of one that was asked for so. */
  readonly kept: readonly LooseState[] | undefined;
  /** States at the head that the body passes by, to see whether they alone are at fault; undefined as a rule. */
  readonly passed: PassedStates | undefined;
}

/** What is next of a lane whose backlog is empty: it is in memory. */
export function chunksOf({ chunks }: Lane): LaneHead {
  return { piece: undefined, runs: chunks };
}

/**
 * Reads what is next. Nothing of a piece is kept by the lane, so that the pieces in memory are those being read.
 * @throws what the spool throws when it cannot be read
 */
export async function readHead(lane: Lane): Promise<LaneHead> {
  if (lane.backlog.isEmpty) return chunksOf(lane);
  const stored = await lane.spool.firstPiece(lane.device);
  const { backlog, chunks } = lane;
  if (stored === undefined) {
    // Pieces that cannot be read back are set aside by the spool.
    backlog.clear();
    return chunksOf(lane);
  }
  const piece = new FirstPiece(stored);
  return { piece, runs: piece.states >= backlog.states ? [piece, ...chunks] : [piece] };
}

/** The first `states` states of a head. */
export function takenOf({ piece }: LaneHead, states: number): Taken {
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
export function buildDelivery(head: LaneHead, rules: BodyRules, isGivenUpWhole: boolean): Delivery | undefined {
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
export function buildDeliveryBehind(head: LaneHead, passedStates: number, rules: BodyRules): Delivery | undefined {
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
    for (let state = nextState; state < endState; state++) yield view.fragmentAt(state);
  }
}

/** Copies, since the records they stand in may be moved while the request is out. */
function copyOf(runs: readonly StateRun[], states: number, corrections: Corrections): LooseState[] {
  const copies: LooseState[] = [];
  for (const { view, nextState, endState } of runs) {
    for (let state = nextState; state < endState && copies.length < states; state++) {
      const timeMs = timeToSend(view.times[state] as number, corrections);
      copies.push({ timeMs, fragment: view.fragmentAt(state).slice() });
    }
  }
  return copies;
}

/** States that waited for less are not looked at again for what the cloud ignores. */
const JUDGED_AFTER_MS = 1_000;

export interface NextBodyOptions {
  readonly coalesce: Coalesce;
  readonly windowMs: number;
}

export interface NextBodyParts {
  readonly cloud: Pick<CloudClient, 'bodyMemory'>;
  readonly clock: Clock;
  readonly times: Pick<SendTimes, 'corrections' | 'canDecide' | 'wallMs'>;
}

/** Builds what a lane sends next, by what is known of its states: how many, and whether a refusal gives them up whole. */
export class NextBody {
  readonly #options: NextBodyOptions;
  readonly #parts: NextBodyParts;
  readonly #bodyMemory: (byteLength: number) => Buffer;

  constructor({ coalesce, windowMs }: NextBodyOptions, parts: NextBodyParts) {
    this.#options = { coalesce, windowMs };
    this.#parts = parts;
    this.#bodyMemory = (byteLength) => parts.cloud.bodyMemory(byteLength);
  }

  /**
   * The next delivery of a lane from its head; undefined when nothing waits.
   * @throws what a fragment that cannot be read back makes throw
   */
  of(lane: Lane, head: LaneHead, maxBodyBytes: number): Delivery | undefined {
    const { clock, times } = this.#parts;
    const waitedMs = lane.waitedMs(clock.monotonicMs());
    const wholeStates = lane.refusals?.wholeStates(waitedMs) ?? 0;
    const maxStates = wholeStates > 0 ? wholeStates : statesToAsk(lane, head);
    const window = waitedMs > JUDGED_AFTER_MS && times.canDecide ? { nowMs: times.wallMs(), waitedMs } : undefined;
    return buildDelivery(head, { ...this.#rules(maxBodyBytes, maxStates), window }, wholeStates > 0);
  }

  /**
   * The state behind the first `passedStates` of a lane alone; the next delivery where no more can be read at once, as at the
   * end of a piece. Throws as {@link NextBody.of}.
   */
  behind(lane: Lane, head: LaneHead, passedStates: number, maxBodyBytes: number): Delivery | undefined {
    return buildDeliveryBehind(head, passedStates, this.#rules(maxBodyBytes, 1)) ?? this.of(lane, head, maxBodyBytes);
  }

  /** A state that waits in no lane. */
  ofOne(device: Device, state: LooseState): RequestBody {
    const view = new RecordView(buildPieceOfStates(device, [state], 0));
    return buildRequestBody([{ view, nextState: 0, endState: 1 }], this.#rules(Number.POSITIVE_INFINITY, 1));
  }

  #rules(maxBodyBytes: number, maxStates: number): BodyRules {
    const { corrections } = this.#parts.times;
    return { ...this.#options, maxBodyBytes, maxStates, corrections, window: undefined, bodyMemory: this.#bodyMemory };
  }
}

/** As many as the search allows, and none that the cloud may refuse among others. */
function statesToAsk({ faults }: Lane, { runs }: LaneHead): number {
  const maxStates = faults?.sizeSearch?.maxStates ?? Number.POSITIVE_INFINITY;
  const likeness = faults?.likeness;
  return likeness === undefined ? maxStates : likeness.statesBeforeSuspect(fragmentsOf(runs), maxStates);
}

/** Whether a refused body goes to the dead letters as it is: of one state, or for the reason of those before it. */
export function isGivenUp(lane: Lane, { body, kept }: Delivery, result: SendResult): boolean {
  if (kept === undefined) return false;
  return body.states === 1 || lane.refusals?.isSame(statusOf(result), reasonOf(result)) === true;
}
