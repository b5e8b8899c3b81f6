import { afterEach, describe, expect, it } from 'vitest';
import { UNSTAMPED } from '../../src/state/record-layout.js';
import { absoluteTime, type StateTime, timeJson } from '../../src/state/time.js';

const ARRIVAL_MS = Date.UTC(2026, 5, 1, 12);
const NONE = ARRIVAL_MS + UNSTAMPED;
const JUNE_30 = Date.UTC(2026, 5, 30, 10, 20, 30);
const DAY_MS = 86_400_000;
const startZone = process.env.TZ;

afterEach(() => {
  if (startZone === undefined) delete process.env.TZ;
  else process.env.TZ = startZone;
});

const numbers: [string, StateTime | undefined, number][] = [
  ['left out', undefined, NONE],
  ['milliseconds', 1_780_000_000_123, 1_780_000_000_123],
  ['the first number that is milliseconds', 100_000_000_000, 100_000_000_000],
  ['the last number that is seconds', 99_999_999_999, 99_999_999_999_000],
  ['seconds', 1_780_000_000, 1_780_000_000_000],
  ['seconds with a fraction', 1_780_000_000.123, 1_780_000_000_123],
  ['a part of a second', 0.5, 500],
  ['less than a millisecond', 0.0001, 0],
  ['the epoch', 0, 0],
  ['minus nothing', -0, 0],
  ['a minute ago', -60_000, ARRIVAL_MS - 60_000],
  ['a fraction of milliseconds, cut', 1_780_000_000_123.9, 1_780_000_000_123],
  ['a relative fraction, cut', -1.5, ARRIVAL_MS - 2],
  ['relative to before 1970', -ARRIVAL_MS - 5, -5],
  ['what a Date just holds', 8.64e15, 8.64e15],
  ['more than a Date holds', 8.64e15 + 1, NONE],
  ['far more than a Date holds', 1e300, NONE],
  ['a relative time before all dates', -1e17, NONE],
];

const strings: [string, number][] = [
  ['2026-06-30T10:20:30Z', JUNE_30],
  ['2026-06-30T10:20:30', JUNE_30],
  ['2026-06-30T10:20:30.123456', JUNE_30 + 123],
  ['2026-06-30T10:20', JUNE_30 - 30_000],
  ['2026-06-30T10:20:30+02:00', JUNE_30 - 7_200_000],
  ['2026-06-30T10:20:30-05:30', JUNE_30 + 19_800_000],
  ['2026-06-30', Date.UTC(2026, 5, 30)],
  ['2026-06', Date.UTC(2026, 5, 1)],
  ['2026', Date.UTC(2026, 0, 1)],
  ['+012026-06-30', Date.UTC(12_026, 5, 30)],
  ['2026-06-30 10:20:30', JUNE_30],
  ['2026-06-30 10:20:30 +0200', JUNE_30 - 7_200_000],
  ['2026-06-30 10:20:30Z', JUNE_30],
  ['2026-6-30', Date.UTC(2026, 5, 30)],
  ['06/30/2026', Date.UTC(2026, 5, 30)],
  ['06/30/2026 10:20:30 AM', JUNE_30],
  ['06/30/2026 10:20:30 PM', JUNE_30 + DAY_MS / 2],
  ['Tue, 30 Jun 2026 10:20:30 GMT', JUNE_30],
  ['Tue, 30 Jun 2026 10:20:30', JUNE_30],
  ['Tue Jun 30 2026 10:20:30 GMT+0900 (Japan Standard Time)', JUNE_30 - 9 * 3_600_000],
  ['Jun 30 2026 10:20:30 (no zone here)', JUNE_30],
  ['Jun 30 2026 10:20:30 EST', JUNE_30 + 5 * 3_600_000],
  ['30 Jun 2026 10:20:30 pdt', JUNE_30 + 7 * 3_600_000],
  ['June 30, 2026', Date.UTC(2026, 5, 30)],
  // These two fall into the hour that New York leaves out, and into the one it has twice.
  ['2026-03-08T02:30:00', Date.UTC(2026, 2, 8, 2, 30)],
  ['2026-11-01 01:30:00', Date.UTC(2026, 10, 1, 1, 30)],
  ['', NONE],
  ['now', NONE],
  ['2026-13-01', NONE],
  ['2026-02-30T25:00:00Z', NONE],
  ['1780000000000', NONE],
  ['\u0000', NONE],
];

describe('absoluteTime', () => {
  it.each(numbers)('reads %s', (_, time, expected) => {
    expect(absoluteTime(time, ARRIVAL_MS)).toBe(expected);
  });

  it.each(['UTC', 'Asia/Tokyo', 'America/New_York', 'Europe/London', 'Asia/Kolkata'])(
    'reads strings alike in %s',
    (zone) => {
      process.env.TZ = zone;
      // Else the machine would not have taken the zone, and nothing would be shown.
      expect(new Date(2026, 0, 1).getTime() === Date.UTC(2026, 0, 1)).toBe(zone === 'UTC' || zone === 'Europe/London');
      for (const [text, expected] of strings) {
        expect([text, absoluteTime(text, ARRIVAL_MS)]).toEqual([text, expected]);
        expect(absoluteTime({ $date: text }, ARRIVAL_MS)).toBe(expected);
      }
    },
  );

  it('is what Date.parse says, in UTC', () => {
    process.env.TZ = 'UTC';
    for (const [text] of strings) {
      const parsed = Date.parse(text);
      expect(absoluteTime(text, ARRIVAL_MS)).toBe(Number.isNaN(parsed) ? NONE : parsed);
    }
  });

  it('takes no long time over a long string', () => {
    process.env.TZ = 'Asia/Tokyo';
    const started = performance.now();
    for (const filler of ['1', '(', '+ ', ' ', ':', 'utcx ']) {
      absoluteTime(`2026-06-30 10:20:30 ${filler.repeat(262_144 / filler.length)}`, ARRIVAL_MS);
      absoluteTime(`2026-06-30 10:20:30 (${filler.repeat(262_144 / filler.length)})`, ARRIVAL_MS);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('timeJson', () => {
  const written: [number, string][] = [
    [1_780_000_000_123, '1780000000123'],
    [100_000_000_000, '100000000000'],
    [8.64e15, '8640000000000000'],
    [99_999_999_999, '{"$date":"1973-03-03T09:46:39.999Z"}'],
    [0, '{"$date":"1970-01-01T00:00:00.000Z"}'],
    [-5, '{"$date":"1969-12-31T23:59:59.995Z"}'],
    [-8.64e15, '{"$date":"-271821-04-20T00:00:00.000Z"}'],
  ];
  it.each(written)('writes %d so that it is read as the same instant', (timeMs, json) => {
    expect(timeJson(timeMs)).toBe(json);
    expect(absoluteTime(JSON.parse(json) as StateTime, ARRIVAL_MS)).toBe(timeMs);
  });
});
