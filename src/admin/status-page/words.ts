/** Figures and troubles in words, as an operator would say them. */

import type { Trouble } from './status-shape.js';

const SECONDS_A_MINUTE = 60;
const SECONDS_AN_HOUR = 3_600;
const SECONDS_A_DAY = 86_400;
const LONG_DAYS = 365;

/** As `1,204,331`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** As `1 state` or `1,204 states`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${Math.round(value) === 1 ? one : many}`;
}

/** As `3 d 4 h`, `4 h 5 min`, `5 min`, `50 s`: two units at most, as no one needs more to act. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < SECONDS_A_MINUTE) return `${whole} s`;
  if (whole < SECONDS_AN_HOUR) return `${Math.floor(whole / SECONDS_A_MINUTE)} min`;
  if (whole < SECONDS_A_DAY) return joined(whole, SECONDS_AN_HOUR, 'h', SECONDS_A_MINUTE, 'min');
  return joined(whole, SECONDS_A_DAY, 'd', SECONDS_AN_HOUR, 'h');
}

/** A forecast is no better than this: `9 days`, `14 hours`, `40 minutes`, `less than a minute`. */
export function roughly(seconds: number): string {
  if (seconds < SECONDS_A_MINUTE) return 'less than a minute';
  if (seconds < 2 * SECONDS_AN_HOUR) return counted(seconds / SECONDS_A_MINUTE, 'minute');
  if (seconds < 2 * SECONDS_A_DAY) return counted(seconds / SECONDS_AN_HOUR, 'hour');
  const days = seconds / SECONDS_A_DAY;
  return days > LONG_DAYS ? 'more than a year' : counted(days, 'day');
}

/** As `500`, `2.5 k` or `5 M`: for the axis of a chart. */
export function compact(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  let unit = 0;
  let amount = value;
  while (amount >= 1_000 && unit < units.length - 1) {
    amount /= 1_000;
    unit++;
  }
  return `${Math.round(amount * 10) / 10}${units[unit]}`;
}

/** As `412 MiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let amount = Math.max(0, value);
  while (amount >= 1_000 && unit < units.length - 1) {
    amount /= 1_024;
    unit++;
  }
  const digits = unit > 0 && amount < 10 ? 1 : 0;
  return `${amount.toFixed(digits)} ${units[unit]}`;
}

/** States a second: `0`, `0.4`, `12`, `1,204`. */
export function rate(perSecond: number): string {
  return perSecond > 0 && perSecond < 10 ? String(Math.round(perSecond * 10) / 10) : count(perSecond);
}

/**
 * The time of day, with the date where it is not clear which day is meant: `02:14`, `20 Nov, 02:14`.
 * @param iso an ISO 8601 time; what is none is returned as it is
 * @param nowMs milliseconds since the epoch
 * @param timeZone of the reader unless given
 */
export function clockTime(iso: string, nowMs: number, timeZone?: string): string {
  const thenMs = Date.parse(iso);
  if (Number.isNaN(thenMs)) return iso;
  const zone = timeZone === undefined ? {} : { timeZone };
  const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', ...zone });
  const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', ...zone }).format(thenMs);
  return day.format(thenMs) === day.format(nowMs) ? time : `${day.format(thenMs)}, ${time}`;
}

/** A time with its date and year, as `1 Jan 1970, 00:00`. The arguments are those of {@link clockTime}. */
export function fullTime(iso: string, timeZone?: string): string {
  const thenMs = Date.parse(iso);
  if (Number.isNaN(thenMs)) return iso;
  const zone = timeZone === undefined ? {} : { timeZone };
  const date = { day: 'numeric', month: 'short', year: 'numeric' } as const;
  return new Intl.DateTimeFormat('en-GB', { ...date, hour: '2-digit', minute: '2-digit', ...zone }).format(thenMs);
}

function joined(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((seconds % large) / small);
  const whole = `${Math.floor(seconds / large)} ${largeUnit}`;
  return rest === 0 ? whole : `${whole} ${rest} ${smallUnit}`;
}

/** How long ago, as `5 min ago`; `just now` for less than two seconds, and for what a clock that was moved has ahead. */
export function ago(iso: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(iso)) / 1_000;
  return seconds < 2 ? 'just now' : `${duration(seconds)} ago`;
}

/** Until then, as `in 12 s`; `now` for what is due. */
export function untilWords(iso: string, nowMs: number): string {
  const seconds = (Date.parse(iso) - nowMs) / 1_000;
  return seconds < 1 ? 'now' : `in ${duration(seconds)}`;
}

interface TroubleWords {
  readonly word: string;
  /** What is meant by it: one sentence. */
  readonly meaning: string;
  /** Section of the runbook. */
  readonly runbook: string;
}

/** What a trouble is called, and what can be done about it. */
export const TROUBLE_WORDS: Readonly<Record<Trouble, TroubleWords>> = {
  wrong_clock: {
    word: 'Wrong clock',
    meaning: 'Its states have times that the cloud does not keep: over 30 days past, or over a day ahead.',
    runbook: 'statewaystatesoutofwindow',
  },
  parked: {
    word: 'Parked',
    meaning: 'What it has sent waits for somebody: a good token, or its place in the cloud.',
    runbook: 'statewaydevicesparked',
  },
  throttled: {
    word: 'Throttled',
    meaning: 'More was sent for it than the cloud takes in 15 s; what waits follows by itself.',
    runbook: 'statewaycloudthrottling',
  },
  failing: {
    word: 'Failing',
    meaning: 'The cloud has no good answer to its states, while it has to others.',
    runbook: 'statewayclouderrors',
  },
  refused: {
    word: 'Rejected',
    meaning: 'The cloud rejects what it sends, one state after another.',
    runbook: 'statewaydeadlettersgrowing',
  },
  silent: {
    word: 'Silent',
    meaning: 'Nothing has come from it for much longer than it used to pause.',
    runbook: 'statewaysomedevicessilent',
  },
};
