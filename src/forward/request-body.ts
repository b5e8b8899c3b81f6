import { mergeFragments } from '../state/merge.js';
import type { RecordView } from '../state/record-layout.js';
import { timeJson } from '../state/time.js';
import type { StateRun } from './waiting-chunk.js';

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
  /** Memory for the body (`CloudClient.bodyMemory`). */
  readonly bodyMemory: (byteLength: number) => Buffer;
}

export interface RequestBody {
  /** A JSON array of states, each with its time. */
  readonly bytes: Buffer;
  /** States taken from the lane. */
  readonly states: number;
  /** States in the body: fewer when some were merged. */
  readonly sentStates: number;
}

/** `{"time":` + 13 digits + `,` before a fragment and the comma after it. */
const STATE_OVERHEAD_BYTES = 23;
const STATE_HEAD = Buffer.from('{"time":', 'latin1');
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const ZERO = 0x30;
/** From here to below the second number, a whole time in milliseconds has 13 digits: the years 2001 to 2286. */
const FIRST_13_DIGITS = 1e12;
const FIRST_14_DIGITS = 1e13;

/** About how many bytes the states from `first` up to `end` take in a body; exact for times of 13 digits. */
export function waitingBytesOf(view: RecordView, first: number, end: number): number {
  if (end <= first) return 0;
  return view.fragmentEnd(end - 1) - view.fragmentStart(first) + (end - first) * STATE_OVERHEAD_BYTES;
}

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
  if (states > 1 && (rules.coalesce === 'latest' || !selection.isRising)) {
    const { times, fragments } = collect(runs, states);
    if (rules.coalesce === 'latest') return mergeWindows(times, fragments, rules);
    return mergeEqualTimes(times, fragments, rules);
  }
  const bytes = rules.bodyMemory(selection.bytes);
  bytes[0] = OPEN_BRACKET;
  let at = 1;
  let left = states;
  for (let index = 0; left > 0; index++) {
    const { view, nextState, endState } = runs[index] as StateRun;
    const end = Math.min(endState, nextState + left);
    for (let state = nextState; state < end; state++) {
      at = writeState(bytes, at, view.times[state] as number, fragmentOf(view, state));
    }
    left -= end - nextState;
  }
  return { bytes: closed(bytes, at), states, sentStates: states };
}

function select(runs: readonly StateRun[], rules: BodyRules): Selection {
  let states = 0;
  let bytes = 1;
  let isRising = true;
  let lastTime = Number.NEGATIVE_INFINITY;
  for (const { view, nextState, endState } of runs) {
    for (let state = nextState; state < endState; state++) {
      const time = view.times[state] as number;
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

function collect(runs: readonly StateRun[], states: number): { times: number[]; fragments: Uint8Array[] } {
  const times: number[] = [];
  const fragments: Uint8Array[] = [];
  for (const { view, nextState, endState } of runs) {
    for (let state = nextState; state < endState && times.length < states; state++) {
      times.push(view.times[state] as number);
      fragments.push(fragmentOf(view, state));
    }
  }
  return { times, fragments };
}

function mergeEqualTimes(times: readonly number[], fragments: readonly Uint8Array[], rules: BodyRules): RequestBody {
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
function mergeWindows(times: readonly number[], fragments: readonly Uint8Array[], rules: BodyRules): RequestBody {
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

function join(
  times: readonly number[],
  fragments: readonly Uint8Array[],
  states: number,
  rules: BodyRules,
): RequestBody {
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

/** The fragment of a state, as a view. */
export function fragmentOf(view: RecordView, state: number): Uint8Array {
  const start = view.fragmentStart(state);
  return new Uint8Array(view.bytes.buffer, view.bytes.byteOffset + start, view.fragmentEnd(state) - start);
}

/** Writes a state and the comma after it; returns where that ends. */
function writeState(bytes: Buffer, start: number, time: number, fragment: Uint8Array): number {
  bytes.set(STATE_HEAD, start);
  let at = writeTime(bytes, start + STATE_HEAD.length, time);
  bytes[at++] = COMMA;
  bytes.set(fragment, at);
  at += fragment.length;
  bytes[at] = COMMA;
  return at + 1;
}

/** Puts the closing bracket in the place of the last comma. */
function closed(bytes: Buffer, end: number): Buffer {
  bytes[end - 1] = CLOSE_BRACKET;
  return bytes;
}

/** Bytes of a state and one comma or bracket. */
function stateBytes(time: number, fragmentBytes: number): number {
  const timeBytes = has13Digits(time) ? 0 : timeJson(time).length - 13;
  return fragmentBytes + STATE_OVERHEAD_BYTES + timeBytes;
}

function has13Digits(time: number): boolean {
  return time >= FIRST_13_DIGITS && time < FIRST_14_DIGITS && Number.isInteger(time);
}

/** Writes a time as JSON; returns where it ends. Thirteen digits are written without a string in between. */
function writeTime(bytes: Buffer, at: number, time: number): number {
  if (!has13Digits(time)) return at + bytes.write(timeJson(time), at, 'latin1');
  let high = Math.floor(time / 1e6);
  let low = time - high * 1e6;
  for (let digit = 12; digit >= 7; digit--) {
    const rest = (low / 10) | 0;
    bytes[at + digit] = ZERO + low - rest * 10;
    low = rest;
  }
  for (let digit = 6; digit >= 0; digit--) {
    const rest = (high / 10) | 0;
    bytes[at + digit] = ZERO + high - rest * 10;
    high = rest;
  }
  return at + 13;
}
