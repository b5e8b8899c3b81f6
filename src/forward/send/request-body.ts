import { isOutOfWindow } from '../../core/time/cloud-window.js';
import { type Corrections, timeToSend } from '../../core/time/timebase.js';
import { mergeFragments } from '../../state/fragment.js';
import { stateBytes, writeState } from '../../state/state-json.js';
import type { StateRun } from '../lane/waiting-chunk.js';

/**
 * `merge`: states of equal time become one, lossless. `latest`: those of one window become one, with the latest value of
 * each attribute by time (contract 1.2).
 */
export type Coalesce = 'merge' | 'latest';

export interface BodyRules {
  readonly coalesce: Coalesce;
  /** What `latest` makes one state of: states whose times are less than this apart (`STATEWAY_WINDOW_MS`). */
  readonly windowMs: number;
  /** Bytes that a body may have; a state that alone has more is sent alone. */
  readonly maxBodyBytes: number;
  /** States that may be taken from the lane. */
  readonly maxStates: number;
  /** What is added to times by their timebase: a body ends before a state of which that is not decided. */
  readonly corrections: Corrections;
  /** Undefined while it is not known what time it is. */
  readonly window: CloudWindow | undefined;
  /** Memory for the body (`CloudClient.bodyMemory`). */
  readonly bodyMemory: (byteLength: number) => Buffer;
}

export interface RequestBody {
  /** A JSON array of states, each with its time. */
  readonly bytes: Buffer;
  /** States taken from the lane; 0 when it is not decided yet what time the first of them is sent with. */
  readonly states: number;
  /** States in the body: fewer when some were merged. */
  readonly sentStates: number;
  /** States taken that the cloud ignores for their age now, and would not have when they came. */
  readonly outdated: number;
}

/** Which times the cloud ignores. */
export interface CloudWindow {
  /** Wall clock, as right as it is known. */
  readonly nowMs: number;
  /** Since the first of the states came. */
  readonly waitedMs: number;
}

type Joined = Pick<RequestBody, 'bytes' | 'states' | 'sentStates'>;

const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const NO_BODY: RequestBody = { bytes: Buffer.alloc(0), states: 0, sentStates: 0, outdated: 0 };

/** The states that the next body takes. */
interface Selection {
  readonly states: number;
  /** Of the body, if nothing is merged. */
  readonly bytes: number;
  /** Each state's time is later than the one's before, so that no two are equal. */
  readonly isRising: boolean;
}

/**
 * Joins the next body of a lane from the fragments of its states, in order of arrival.
 *
 * Merged states stand at the place of the first of them: the cloud stores by time, so the place changes nothing of what
 * is kept, and a body whose times rise but for a repetition still rises afterwards. A size is judged before merging,
 * which can only make a body smaller.
 *
 * @param runs what waits, at least one state
 */
export function buildRequestBody(runs: readonly StateRun[], rules: BodyRules): RequestBody {
  const selection = select(runs, rules);
  const { states } = selection;
  if (states === 0) return NO_BODY;
  const outdated = rules.window === undefined ? 0 : outdatedOf(runs, states, rules.corrections, rules.window);
  if (states > 1 && (rules.coalesce === 'latest' || !selection.isRising)) {
    const { times, fragments } = collect(runs, states, rules.corrections);
    if (rules.coalesce === 'latest') return { ...mergeWindows(times, fragments, rules), outdated };
    return { ...mergeEqualTimes(times, fragments, rules), outdated };
  }
  const bytes = rules.bodyMemory(selection.bytes);
  bytes[0] = OPEN_BRACKET;
  let at = 1;
  let left = states;
  for (let index = 0; left > 0; index++) {
    const { view, nextState, endState } = runs[index] as StateRun;
    const end = Math.min(endState, nextState + left);
    for (let state = nextState; state < end; state++) {
      const time = timeToSend(view.times[state] as number, rules.corrections);
      at = writeState(bytes, at, time, view.fragmentAt(state));
    }
    left -= end - nextState;
  }
  return { bytes: closed(bytes, at), states, sentStates: states, outdated };
}

function select(runs: readonly StateRun[], rules: BodyRules): Selection {
  let states = 0;
  let bytes = 1;
  let isRising = true;
  let lastTime = Number.NEGATIVE_INFINITY;
  for (const { view, nextState, endState } of runs) {
    for (let state = nextState; state < endState; state++) {
      const time = timeToSend(view.times[state] as number, rules.corrections);
      if (Number.isNaN(time)) return { states, bytes, isRising };
      const more = stateBytes(time, view.fragmentEnd(state) - view.fragmentStart(state));
      const isFull = states >= rules.maxStates || bytes + more > rules.maxBodyBytes;
      if (states > 0 && isFull) return { states, bytes, isRising };
      if (time <= lastTime) isRising = false;
      lastTime = time;
      states++;
      bytes += more;
    }
  }
  return { states, bytes, isRising };
}

/**
 * The times and fragments of the first states. A time that was corrected may meet one that the device named, which it did
 * not when it was given: it gives way, as two readings under one time would destroy one another.
 */
function collect(
  runs: readonly StateRun[],
  states: number,
  corrections: Corrections,
): { times: number[]; fragments: Uint8Array[] } {
  const times: number[] = [];
  const fragments: Uint8Array[] = [];
  const corrected: number[] = [];
  for (const { view, nextState, endState } of runs) {
    for (let state = nextState; state < endState && times.length < states; state++) {
      const counted = view.times[state] as number;
      const time = timeToSend(counted, corrections);
      if (time !== Math.floor(counted)) corrected.push(times.length);
      times.push(time);
      fragments.push(view.fragmentAt(state));
    }
  }
  if (corrected.length > 0) makeUnique(times, corrected);
  return { times, fragments };
}

/** Moves each of the times at `places` to the next millisecond that is free. */
function makeUnique(times: number[], places: readonly number[]): void {
  const movable = new Set(places);
  const taken = new Set(times.filter((_, place) => !movable.has(place)));
  for (const place of places) {
    let time = times[place] as number;
    while (taken.has(time)) time++;
    taken.add(time);
    times[place] = time;
  }
}

function mergeEqualTimes(times: readonly number[], fragments: readonly Uint8Array[], rules: BodyRules): Joined {
  const groups = new Map<number, Uint8Array[]>();
  for (let state = 0; state < times.length; state++) {
    const time = times[state] as number;
    const group = groups.get(time);
    if (group === undefined) groups.set(time, [fragments[state] as Uint8Array]);
    else group.push(fragments[state] as Uint8Array);
  }
  return join([...groups.keys()], [...groups.values()].map(mergeFragments), times.length, rules);
}

/**
 * A window starts with the earliest state that is in none before, and has the time of its latest. Within it states are
 * joined by time, those of equal time in order of arrival, so that of each attribute the latest value stays (contract
 * 1.2) however states overtook one another on their way here. Windows stand in the order of their first arrivals.
 */
function mergeWindows(times: readonly number[], fragments: readonly Uint8Array[], rules: BodyRules): Joined {
  // A sort is stable: states of equal time stay in order of arrival.
  const byTime = [...times.keys()].sort((a, b) => (times[a] as number) - (times[b] as number));
  const windows: { arrival: number; lastTime: number; readonly group: Uint8Array[] }[] = [];
  let windowStart = Number.NaN;
  for (const state of byTime) {
    const time = times[state] as number;
    const fragment = fragments[state] as Uint8Array;
    const window = windows.at(-1);
    if (window !== undefined && (time === windowStart || time - windowStart < rules.windowMs)) {
      window.arrival = Math.min(window.arrival, state);
      window.lastTime = time;
      window.group.push(fragment);
    } else {
      windowStart = time;
      windows.push({ arrival: state, lastTime: time, group: [fragment] });
    }
  }
  windows.sort((a, b) => a.arrival - b.arrival);
  const lastTimes = windows.map(({ lastTime }) => lastTime);
  return join(
    lastTimes,
    windows.map(({ group }) => mergeFragments(group)),
    times.length,
    rules,
  );
}

function join(times: readonly number[], fragments: readonly Uint8Array[], states: number, rules: BodyRules): Joined {
  let length = 1;
  for (let state = 0; state < times.length; state++) {
    length += stateBytes(times[state] as number, (fragments[state] as Uint8Array).length);
  }
  const bytes = rules.bodyMemory(length);
  bytes[0] = OPEN_BRACKET;
  let at = 1;
  for (let state = 0; state < times.length; state++) {
    at = writeState(bytes, at, times[state] as number, fragments[state] as Uint8Array);
  }
  return { bytes: closed(bytes, at), states, sentStates: times.length };
}

/** See {@link RequestBody.outdated}: those that were out of the cloud's window already were counted when they came. */
function outdatedOf(
  runs: readonly StateRun[],
  states: number,
  corrections: Corrections,
  { nowMs, waitedMs }: CloudWindow,
): number {
  let outdated = 0;
  let left = states;
  for (const { view, nextState, endState } of runs) {
    const end = Math.min(endState, nextState + left);
    for (let state = nextState; state < end; state++) {
      const time = timeToSend(view.times[state] as number, corrections);
      if (isOutOfWindow(time, nowMs) && !isOutOfWindow(time, nowMs - waitedMs)) outdated++;
    }
    left -= end - nextState;
    if (left === 0) break;
  }
  return outdated;
}

/** Puts the closing bracket in the place of the last comma. */
function closed(bytes: Buffer, end: number): Buffer {
  bytes[end - 1] = CLOSE_BRACKET;
  return bytes;
}
