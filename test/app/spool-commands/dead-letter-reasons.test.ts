import { expect, it } from 'vitest';
import { reasonsTable, summarizeReasons } from '../../../src/app/spool-commands/dead-letter-reasons.js';
import type { StoredDeadLetter } from '../../../src/core/dead-letter.js';
import { Device } from '../../../src/core/device.js';

const [A, B] = [new Device('a'.repeat(24), '1'.repeat(24)), new Device('a'.repeat(24), '2'.repeat(24))];
const AT = Date.parse('2026-11-30T08:00:00Z');

function letter(number: number, device: Device, status: number, reason: string): StoredDeadLetter {
  return { number, device, timeMs: 0, fragment: new Uint8Array(0), status, reason, refusedAtMs: AT + number * 1_000 };
}

const LETTERS = [letter(1, A, 404, 'gone'), letter(2, A, 400, 'no\u0007'), letter(3, B, 400, 'no\u0007')];

it('counts by answer and reason, the most first', () => {
  expect(summarizeReasons(LETTERS)).toEqual([
    {
      letters: 2,
      devices: 2,
      status: 400,
      reason: 'no\u0007',
      first: '2026-11-30T08:00:02.000Z',
      last: '2026-11-30T08:00:03.000Z',
    },
    {
      letters: 1,
      devices: 1,
      status: 404,
      reason: 'gone',
      first: '2026-11-30T08:00:01.000Z',
      last: '2026-11-30T08:00:01.000Z',
    },
  ]);
});

it('shows the words of the cloud as the text they are', () => {
  const [, line] = [...reasonsTable(summarizeReasons(LETTERS))];
  expect(line).toMatch(/^2 +2 +400 +2026-\S+Z +2026-\S+Z +no\\u0007\n$/);
  expect([...reasonsTable([])]).toEqual(['no dead letters\n']);
});

it('shows the quotes of a reason as they are, so that it can be copied into a command', () => {
  const [, line] = [...reasonsTable(summarizeReasons([letter(1, A, 400, 'attribute "bad" is refused')]))];
  expect(line).toContain('  attribute "bad" is refused\n');
});

it('tells a thousand reasons apart, and counts the rest together', () => {
  const many = Array.from({ length: 1_200 }, (_, n) => letter(n, A, 400, `value ${n}`));
  const reasons = summarizeReasons(many);
  expect(reasons).toHaveLength(1_001);
  expect(reasons.at(-1)).toMatchObject({ letters: 200, reason: 'other reasons', isRest: true });
});
