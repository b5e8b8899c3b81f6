import { StatewayError } from '../core/errors.js';
import type { Encoding } from '../core/ports.js';
import { type IgnoredTimes, isIgnored, type TimeRules } from '../core/time/cloud-window.js';
import { withTimebase } from '../core/time/timebase.js';
import { decode } from './decode.js';
import { takeExtensions } from './extended-json.js';
import { fragmentOf, singleBodyBytes } from './fragment.js';
import { outOfWindowError, withoutTime } from './ignored-times.js';
import { absoluteTime, timeJson } from './time.js';
import { beginAboutState, bodyProblem, type DeviceState, findProblem, statesOf } from './validate.js';

export interface SingleBodyRules {
  /** Wall-clock milliseconds, whole, of the body's last byte. */
  readonly arrivalMs: number;
  /** As many times as asked for, for states that brought none (`Intake.stampsFor`); none of `ownTimes`. */
  readonly stampsFor: (ownTimes: ReadonlySet<number>, count: number) => readonly number[];
  /** Whether that can be right: what is sent at once cannot be corrected later. */
  readonly isClockCredible: boolean;
  /** Which times the cloud keeps, and what becomes of others. */
  readonly times: TimeRules;
  /** Of the JSON for the cloud (`STATEWAY_MAX_BODY_BYTES`). */
  readonly maxBodyBytes: number;
}

export interface SingleBody {
  /** A JSON array of states, each with an absolute time. */
  readonly bytes: Uint8Array;
  readonly states: number;
  /** Undefined where all times are kept. */
  readonly ignoredTimes: IgnoredTimes | undefined;
}

/**
 * Turns one body of a device into the body of one request to the cloud, by the rules that a worker follows, for a body
 * that is passed on at once instead of being stored (contract 1.4, a token that may send but not read).
 *
 * States without a time get stamps of the intake, as all others of their device do (contract 1.5).
 *
 * @throws StatewayError STATEWAY_MALFORMED_BODY, STATEWAY_INVALID_STATE, STATEWAY_STATE_TOO_LARGE, or
 *   STATEWAY_BODY_TOO_LARGE where the states do not fit one request together; STATEWAY_CLOCK_WRONG where their times would
 *   have to be counted from a clock that is wrong; STATEWAY_TIME_OUT_OF_WINDOW where the rules refuse times that are
 */
export function singleBody(encoding: Encoding, body: Uint8Array, rules: SingleBodyRules): SingleBody {
  const decoded = decode(encoding, body);
  const isArray = Array.isArray(decoded);
  const emptied = encoding === 'extended-json' ? takeExtensions(decoded).emptied : undefined;
  const sent = checkedStates(decoded).filter((state) => emptied?.has(state) !== true);
  const ignoredTimes = ignoredOf(sent, rules);
  const states = ignoredTimes === undefined ? sent : judged(sent, isArray, rules);
  if (!rules.isClockCredible) assertNamesTimes(states, rules.arrivalMs);
  const times = stamped(states, rules);
  const parts: string[] = [];
  for (let i = 0; i < states.length; i++) {
    const timeMs = times[i] as number;
    const fragment = fragmentOf(states[i] as DeviceState);
    assertFits(fragment, timeMs, isArray ? i : -1, rules.maxBodyBytes);
    parts.push(`{"time":${timeJson(timeMs)},${fragment}`);
  }
  const bytes = Buffer.from(`[${parts.join()}]`, 'utf8');
  if (bytes.length > rules.maxBodyBytes) {
    throw new StatewayError(
      'STATEWAY_BODY_TOO_LARGE',
      `the states take ${bytes.length} bytes of JSON; the first body of a token that may not read its device must take at most ${rules.maxBodyBytes}: send fewer states`,
    );
  }
  return { bytes, states: states.length, ignoredTimes };
}

function checkedStates(body: unknown): readonly DeviceState[] {
  const states = statesOf(body);
  if (states === undefined) throw new StatewayError('STATEWAY_INVALID_STATE', bodyProblem(body));
  for (let i = 0; i < states.length; i++) {
    const problem = findProblem(states[i], states === body ? i : -1, false);
    if (problem !== undefined) throw new StatewayError('STATEWAY_INVALID_STATE', problem);
  }
  return states as readonly DeviceState[];
}

/** Which times the cloud would ignore; undefined: none. */
function ignoredOf(states: readonly DeviceState[], { times, ...rules }: SingleBodyRules): IgnoredTimes | undefined {
  const arrivalMs = markedArrival(rules);
  const read = states.map(({ time }) => absoluteTime(time, arrivalMs));
  const ignored = read.filter((timeMs) => isIgnored(timeMs, arrivalMs, times));
  const lastTimeMs = ignored.at(-1);
  if (lastTimeMs === undefined) return undefined;
  const isRightAgain = !isIgnored(read.at(-1) as number, arrivalMs, times);
  return { states: ignored.length, lastTimeMs: Math.floor(lastTimeMs), isRightAgain };
}

/** Marked as all are that count from the proxy's clock: these are judged by how far from it they are. */
function markedArrival({ arrivalMs }: Pick<SingleBodyRules, 'arrivalMs'>): number {
  return withTimebase(arrivalMs, 1);
}

/** The states as they are to be sent. @throws StatewayError where a time is refused */
function judged(states: readonly DeviceState[], isArray: boolean, rules: SingleBodyRules): readonly DeviceState[] {
  const { times, maxBodyBytes } = rules;
  const arrivalMs = markedArrival(rules);
  if (times.outOfWindow === 'forward') return states;
  return states.map((state, i) => {
    const timeMs = absoluteTime(state.time, arrivalMs);
    if (!isIgnored(timeMs, arrivalMs, times)) return state;
    if (times.outOfWindow === 'refuse') throw outOfWindowError(Math.floor(timeMs), isArray ? i : -1, times);
    return withoutTime(state, maxBodyBytes);
  });
}

function assertNamesTimes(states: readonly DeviceState[], arrivalMs: number): void {
  const isCounted = ({ time }: DeviceState) => !Number.isInteger(absoluteTime(time, markedArrival({ arrivalMs })));
  if (!states.some(isCounted)) return;
  throw new StatewayError(
    'STATEWAY_CLOCK_WRONG',
    'the clock of the proxy is wrong, and it cannot say when this was; send the state again later, or with its time',
  );
}

/** The time of each state, whole milliseconds. */
function stamped(states: readonly DeviceState[], { arrivalMs, stampsFor }: SingleBodyRules): number[] {
  const times = states.map((state) => absoluteTime(state.time, arrivalMs));
  const ownTimes = new Set(times.filter(Number.isInteger));
  const stamps = stampsFor(ownTimes, times.filter((time) => !Number.isInteger(time)).length);
  let next = 0;
  return times.map((time) => (Number.isInteger(time) ? time : (stamps[next++] as number)));
}

function assertFits(fragment: string, timeMs: number, index: number, maxBytes: number): void {
  const bytes = singleBodyBytes(Buffer.byteLength(fragment, 'utf8'), timeMs);
  if (bytes <= maxBytes) return;
  const message = `${beginAboutState(index)}the state takes ${bytes} bytes of JSON, at most ${maxBytes} can be forwarded`;
  throw new StatewayError('STATEWAY_STATE_TOO_LARGE', message);
}
