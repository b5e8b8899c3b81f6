import { expect, it } from 'vitest';
import { devicesTable, type ProxyReport, withTroubles } from '../../../src/app/spool-commands/spool-devices.js';
import { Device } from '../../../src/core/device.js';

const [A, B] = [new Device('a'.repeat(24), '1'.repeat(24)), new Device('a'.repeat(24), '2'.repeat(24))];
const NOW = Date.parse('2026-11-30T08:00:00Z');
const WAITING = [
  { device: A, states: 12, bytes: 3_456, oldestStoredAtMs: NOW - 7_200_000 },
  { device: B, states: 1, bytes: 30, oldestStoredAtMs: NOW - 5_000 },
];
const REPORT: ProxyReport = {
  troubled: { parked: 1 },
  listed: [{ ...A, trouble: 'parked', reason: 'no\u001b[2J token', since: '2026-11-30T06:00:00.000Z' }],
};
const table = (report: ProxyReport | undefined) =>
  [...devicesTable(withTroubles(WAITING, report), report !== undefined, NOW)].join('');

it('names each device with what waits, since when, and its trouble, escaped', () => {
  expect(table(REPORT)).toBe(
    `device                    states      bytes         oldest        trouble
${A.deviceId}  12          3456          2 h 0 min     parked since 2026-11-30T06:00:00.000Z: no\\u001b[2J token
${B.deviceId}  1           30            5 s           -
`,
  );
});

it('says that nobody knows the troubles where no proxy runs', () => {
  const words = table(undefined);
  expect(words).toMatch(/ 5 s {11}\?\nno proxy runs on this data directory: [^\n]+\n$/);
  expect([...withTroubles(WAITING, undefined)].map((device) => 'trouble' in device)).toEqual([false, false]);
  expect([...withTroubles(WAITING, REPORT)].map(({ trouble }) => trouble)).toEqual(['parked', null]);
});

it('says that nothing waits', () => {
  expect([...devicesTable([], true, NOW)]).toEqual(['nothing waits\n']);
});
