/**
 * Times of states, as the cloud reads them (docs/cloud.md, "States"; contract 1.5): absolute milliseconds since the epoch,
 * whatever form the device chose.
 */
import { timebaseOf, withTimebase } from '../core/time/timebase.js';
import { UNSTAMPED } from './record-layout.js';

/** The forms a state's `time` may have by the published schema. */
export type StateTime = string | number | { readonly $date: string };

/** A positive number below this is seconds, from this on milliseconds (contract 1.5). */
const MILLISECONDS_FROM = 100_000_000_000;
/** What a Date can hold, either way from the epoch (ECMA-262, "Time Values and Time Range"). */
const MAX_DATE_MS = 8.64e15;

/**
 * The instant a state is of.
 * @param time the state's own; undefined when it brought none
 * @param arrivalMs when its last byte came, milliseconds, marked with a timebase (`timebase.ts`) where it is to be
 *   corrected later: what a relative time counts from
 * @returns whole milliseconds since the epoch; with the arrival's timebase where it counts from that; arrival plus
 *   {@link UNSTAMPED} where there is no time that can be read
 */
export function absoluteTime(time: StateTime | undefined, arrivalMs: number): number {
  const isRelative = typeof time === 'number' && time < 0;
  const wholeMs = isRelative ? Math.floor(arrivalMs) : 0;
  // Adding 0 turns -0 into 0.
  const timeMs = Math.trunc(isRelative ? wholeMs + time : readTime(time)) + 0;
  if (!(Math.abs(timeMs) <= MAX_DATE_MS)) return arrivalMs + UNSTAMPED;
  return isRelative ? withTimebase(timeMs, timebaseOf(arrivalMs)) : timeMs;
}

/** Milliseconds, not yet cut or checked, of a time that is not relative; NaN where there is none. */
function readTime(time: StateTime | undefined): number {
  if (time === undefined) return Number.NaN;
  if (typeof time === 'string') return parseDate(time);
  if (typeof time !== 'number') return parseDate(time.$date);
  return time < MILLISECONDS_FROM ? time * 1000 : time;
}

/** `Date.parse` of a program that runs in UTC, whatever the zone of this one. */
function parseDate(text: string): number {
  const parsedMs = Date.parse(text);
  // Where the local clock shows UTC, both readings are the same. So it is in service, where TZ is UTC.
  if (Number.isNaN(parsedMs) || new Date(parsedMs).getTimezoneOffset() === 0) return parsedMs;
  if (ISO_DATE.test(text)) return parsedMs;
  const words = text.replace(COMMENTS, ' ').trimEnd();
  if (namesZone(words)) return parsedMs;
  return Date.parse(ISO_TIME_AT_END.test(words) ? `${words}Z` : `${words} UTC`);
}

/** ECMA-262 reads a date alone as UTC. */
const ISO_DATE = /^(?:\d{4}|[+-]\d{6})(?:-\d\d){0,2}$/;
const ISO_TIME_AT_END = /\dT[\d:.]+$/;
/** `Date.parse` passes over what stands in parentheses. */
const COMMENTS = /\([^()]*\)?/g;
const ZONE_WORD = /(?<![a-z])(?:z|utc?|gmt|[ecmp][sd]t)(?![a-z])/i;
const OFFSET = /[+-]\s*\d/;

/** Whether `Date.parse` finds a zone: a word after the first digit, or a signed number after the time of day. */
function namesZone(text: string): boolean {
  const firstDigit = text.search(/\d/);
  if (firstDigit >= 0 && ZONE_WORD.test(text.slice(firstDigit))) return true;
  const colon = text.indexOf(':');
  return colon >= 0 && OFFSET.test(text.slice(colon));
}

/**
 * A time as JSON for the cloud. It reads a smaller positive number as seconds and a negative one as relative, so an
 * instant before 3 March 1973 is written as EJSON.
 * @param timeMs whole milliseconds since the epoch, as {@link absoluteTime} gives them
 */
export function timeJson(timeMs: number): string {
  return timeMs >= MILLISECONDS_FROM ? String(timeMs) : `{"$date":"${new Date(timeMs).toISOString()}"}`;
}
