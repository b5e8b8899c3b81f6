import { describe, expect, it } from 'vitest';
import { parseLine } from '../../../src/app/spool-commands/export-lines.js';

const NOW = Date.parse('2026-11-30T08:00:00Z');
const IDS = { applicationId: 'A'.repeat(24), deviceId: 'b'.repeat(24) };
const parse = (line: unknown) =>
  parseLine(Buffer.from(typeof line === 'string' ? line : JSON.stringify(line)), NOW, 1_000);

describe('a line of an export', () => {
  it('is a state with its device and time', () => {
    const line = { ...IDS, time: NOW - 5, data: { n: 1, s: 'π' }, meta: { a: [1] }, flowVersion: 'v' };
    const { device, timeMs, fragment, isOutOfWindow } = parse(line);
    expect([device.applicationId, device.deviceId, timeMs, isOutOfWindow]).toEqual([
      'a'.repeat(24),
      'b'.repeat(24),
      NOW - 5,
      false,
    ]);
    expect(JSON.parse(`{${Buffer.from(fragment)}`)).toEqual({ data: line.data, meta: line.meta, flowVersion: 'v' });
  });

  it('may be that of a dead letter, and of a time before 1973', () => {
    const line = { ...IDS, time: { $date: '1971-01-01T00:00:00.000Z' }, data: {}, deadLetter: { number: 7 } };
    expect(parse(line)).toMatchObject({ timeMs: Date.parse('1971-01-01'), isOutOfWindow: true });
  });

  it.each([
    ['{"a":', /JSON/],
    ['[]', /must be a JSON object/],
    [{ ...IDS, deviceId: 'pump', time: 1, data: {} }, /^deviceId: must be 24 hexadecimal digits/],
    [{ deviceId: IDS.deviceId, time: 1, data: {} }, /^applicationId: must be 24/],
    [{ ...IDS, data: {} }, /^time: must say when/],
    [{ ...IDS, time: -5, data: {} }, /^time: must say when/],
    [{ ...IDS, time: 'soon', data: {} }, /^time: must say when/],
    [{ ...IDS, time: NOW }, /"data" is missing/],
    [{ ...IDS, time: NOW, data: { 'a b': 1 } }, /a b/],
    [{ ...IDS, time: NOW, data: {}, extra: 1 }, /extra/],
    [{ ...IDS, time: NOW, state: { data: {} } }, /line of `spool dead-letters --json`/],
    [{ ...IDS, time: NOW, data: { s: 'x'.repeat(1_000) } }, /more than the 1000 bytes of STATEWAY_MAX_BODY_BYTES/],
  ])('is none: %j', (line, why) => {
    expect(() => parse(line)).toThrow(why);
  });
});

it('may be a dead letter of what was no state, which has nothing to send', () => {
  const line = { ...IDS, time: NOW, data: {}, meta: { payload: 'temperature=21' }, deadLetter: { status: 0 } };
  expect(parse(line).isNoState).toBe(true);
  expect(parse({ ...line, deadLetter: { status: 400 } }).isNoState).toBe(false);
  expect(parse({ ...line, data: { a: 1 } }).isNoState).toBe(false);
  expect(parse({ ...IDS, time: NOW, data: {}, meta: line.meta }).isNoState).toBe(false);
});
