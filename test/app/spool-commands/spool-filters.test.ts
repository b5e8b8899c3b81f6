import { describe, expect, it } from 'vitest';
import { filtered, filteredLetters, isFiltered, parseTime } from '../../../src/app/spool-commands/spool-filters.js';
import type { StoredDeadLetter } from '../../../src/core/dead-letter.js';
import { Device } from '../../../src/core/device.js';

const NOW = Date.parse('2026-11-30T08:00:00Z');
const DAY_MS = 86_400_000;
const at = (text: string) => parseTime(text, undefined, NOW);

describe('a time of the command line', () => {
  it.each([
    ['2026-11-29', '2026-11-29T00:00:00Z'],
    ['2026-11-29T10:15', '2026-11-29T10:15:00Z'],
    ['2026-11-29 10:15:30.250', '2026-11-29T10:15:30.250Z'],
    ['2026-11-29T10:15:00+02:00', '2026-11-29T08:15:00Z'],
    ['2026-11-29t10:15:00z', '2026-11-29T10:15:00Z'],
    ['7d', '2026-11-23T08:00:00Z'],
    ['90min', '2026-11-30T06:30:00Z'],
    ['0s', '2026-11-30T08:00:00Z'],
  ])('%s is %s', (text, iso) => {
    expect(new Date(at(text)).toISOString()).toBe(new Date(iso).toISOString());
  });

  it.each(['', 'yesterday', '5', '1790000000000', '2026-02-30', '2026-13-01', '2026-11-29T25:00', '-1h', '30/11/2026'])(
    'is not %j',
    (text) => {
      expect(() => at(text)).toThrow(/Allowed is a time, as in .* or an age, as in 90min, 12h or 7d/);
    },
  );
});

const [A, B] = [new Device('a'.repeat(24), '1'.repeat(24)), new Device('a'.repeat(24), '2'.repeat(24))];

function letter(number: number, device: Device, ageDays: number, reason: string, status = 400): StoredDeadLetter {
  const refusedAtMs = NOW - ageDays * DAY_MS;
  return { number, device, timeMs: 0, fragment: new Uint8Array(0), status, reason, refusedAtMs };
}

const LETTERS = [letter(1, A, 9, 'No such attribute'), letter(2, B, 3, 'too large'), letter(3, A, 1, 'gone', 404)];
const numbers = (filters: Parameters<typeof filteredLetters>[1]) =>
  [...filteredLetters(LETTERS, filters)].map(({ number }) => number);

describe('filters', () => {
  it.each([
    [{}, [1, 2, 3]],
    [{ device: [A.deviceId] }, [1, 3]],
    [{ device: [A.deviceId, B.deviceId] }, [1, 2, 3]],
    [{ since: NOW - 3 * DAY_MS }, [2, 3]],
    [{ until: NOW - 3 * DAY_MS }, [1]],
    [{ reason: 'no SUCH' }, [1]],
    [{ reason: '404' }, [3]],
    [{ limit: 2 }, [1, 2]],
    [{ device: [A.deviceId], since: NOW - 2 * DAY_MS, reason: 'o', limit: 5 }, [3]],
  ])('%j leave %j', (filters, left) => {
    expect(numbers(filters)).toEqual(left);
  });

  it.each(['line\\n"end"', 'LINE\n"end"'])('find a reason by its text as it is shown, or as it is: %j', (reason) => {
    const found = [...filteredLetters([letter(1, A, 1, 'line\n"end"'), letter(2, A, 1, 'other')], { reason })];
    expect(found.map(({ number }) => number)).toEqual([1]);
  });

  it('read no further than their limit', () => {
    const endless = (function* () {
      for (;;) yield* LETTERS;
    })();
    expect([...filtered(endless, { limit: 4 }, () => 0)]).toHaveLength(4);
  });

  it('count as given by what takes something out', () => {
    expect([{}, { limit: 1 }, { device: [] }].map(isFiltered)).toEqual([false, true, true]);
  });
});
