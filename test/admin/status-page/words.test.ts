import { expect, it } from 'vitest';
import {
  ago,
  bytes,
  clockTime,
  compact,
  count,
  counted,
  duration,
  fullTime,
  rate,
  roughly,
  untilWords,
} from '../../../src/admin/status-page/words.js';

const DAY = 86_400;

it.each([
  [0, '0'],
  [1_204_331.4, '1,204,331'],
])('count %s is %s', (value, words) => {
  expect(count(value)).toBe(words);
});

it.each([
  ['1970-01-01T00:00:12.000Z', '1 Jan 1970, 00:00'],
  ['+012345-01-02T03:04:05.000Z', '2 Jan 12345, 03:04'],
  ['1e400', '1e400'],
])('the full time of %s is %s', (iso, words) => {
  expect(fullTime(iso, 'UTC')).toBe(words);
});

it('counts one thing as one', () => {
  expect([counted(1, 'state'), counted(0, 'state'), counted(2, 'device has', 'devices have')]).toEqual([
    '1 state',
    '0 states',
    '2 devices have',
  ]);
});

it.each([
  [-5, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [3_599, '59 min'],
  [3_600, '1 h'],
  [3_780, '1 h 3 min'],
  [DAY - 1, '23 h 59 min'],
  [DAY, '1 d'],
  [9 * DAY + 7_200, '9 d 2 h'],
])('duration %s is %s', (seconds, words) => {
  expect(duration(seconds)).toBe(words);
});

it.each([
  [0, 'less than a minute'],
  [60, '1 minute'],
  [7_100, '118 minutes'],
  [7_200, '2 hours'],
  [40 * 3_600, '40 hours'],
  [9.3 * DAY, '9 days'],
  [365 * DAY, '365 days'],
  [366 * DAY, 'more than a year'],
])('roughly %s is %s', (seconds, words) => {
  expect(roughly(seconds)).toBe(words);
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_024, '1.0 KiB'],
  [432 * 1_024 ** 2, '432 MiB'],
  [10 * 1_024 ** 3, '10 GiB'],
  [5_000 * 1_024 ** 4, '5000 TiB'],
])('bytes %s is %s', (value, words) => {
  expect(bytes(value)).toBe(words);
});

it.each([
  [0, '0'],
  [0.44, '0.4'],
  [9.96, '10'],
  [12.4, '12'],
  [1_204, '1,204'],
])('rate %s is %s', (value, words) => {
  expect(rate(value)).toBe(words);
});

it('gives the time of day where the reader is, and the date of another day', () => {
  const now = Date.parse('2026-03-02T09:00:00Z');
  expect(clockTime('2026-03-02T02:14:59Z', now, 'UTC')).toBe('02:14');
  expect(clockTime('2026-03-01T23:14:00Z', now, 'UTC')).toBe('1 Mar, 23:14');
  expect(clockTime('2026-03-01T23:14:00Z', now, 'Europe/Berlin')).toBe('00:14');
  expect(clockTime('10000000000000000', now, 'UTC')).toBe('10000000000000000');
});

it.each([
  [0, '0'],
  [0.5, '0.5'],
  [999, '999'],
  [2_500, '2.5 k'],
  [5_000_000, '5 M'],
  [1e18, '1000000 T'],
])('on an axis %d is %s', (value, words) => {
  expect(compact(value)).toBe(words);
});

it('says how long ago, and how long it will be', () => {
  const nowMs = Date.parse('2026-01-01T12:00:00Z');
  expect(
    ['2026-01-01T11:59:59Z', '2026-01-01T12:00:30Z', '2026-01-01T11:55:00Z'].map((iso) => ago(iso, nowMs)),
  ).toEqual(['just now', 'just now', '5 min ago']);
  expect(
    ['2026-01-01T12:00:12Z', '2026-01-01T12:00:00Z', '2026-01-01T11:00:00Z'].map((iso) => untilWords(iso, nowMs)),
  ).toEqual(['in 12 s', 'now', 'now']);
});
