import { describe, expect, it } from 'vitest';
import { type DemoResult, demoExitCode, resultLine, resultTable } from '../../../src/app/demo/demo-report.js';

const FINE: DemoResult = {
  load: { devices: 10, seconds: 2, rate: 5, wsShare: 0.25, mqttShare: 0, mqttQos: 1, seed: 'x' },
  fleet: {
    sent: 100,
    acknowledged: 100,
    refused: 0,
    givenUp: 0,
    unanswered: 0,
    unconfirmed: 0,
    retries: 3,
    elapsedSeconds: 2.01,
    p50Ms: 1.25,
    p99Ms: 9.5,
    maxMs: 12,
    lastTrouble: undefined,
  },
  cloud: { posts: 40, throttled: 1, maxRequestsInWindow: 9, states: 101, repeated: 1, ignored: 0 },
  reckoning: { sent: 100, acknowledged: 100, arrived: 100, lost: 0, duplicates: 1, unexpected: 0 },
};
const LOSING: DemoResult = { ...FINE, reckoning: { ...FINE.reckoning, arrived: 98, lost: 2 } };
const SILENT: DemoResult = { ...FINE, reckoning: { ...FINE.reckoning, acknowledged: 0 } };
/** All devices send with QoS 0. */
const UNCONFIRMED: DemoResult = {
  ...SILENT,
  load: { ...FINE.load, wsShare: 0, mqttShare: 1, mqttQos: 0 },
  fleet: { ...FINE.fleet, acknowledged: 0, unconfirmed: 100 },
};
const UNHEARD: DemoResult = { ...UNCONFIRMED, reckoning: { ...UNCONFIRMED.reckoning, arrived: 0 } };

describe('the exit code', () => {
  it('is 0 only when something was acknowledged and nothing of it lost', () => {
    expect([FINE, LOSING, SILENT].map(demoExitCode)).toEqual([0, 1, 1]);
  });

  it('is 0 where nothing could be acknowledged, if something arrived', () => {
    expect([UNCONFIRMED, UNHEARD].map(demoExitCode)).toEqual([0, 1]);
  });
});

describe('the line of JSON', () => {
  it('is one line with every figure', () => {
    const line = resultLine(FINE);
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({
      devices: 10,
      seconds: 2,
      rateHz: 5,
      wsShare: 0.25,
      mqttShare: 0,
      mqttQos: 1,
      sent: 100,
      acknowledged: 100,
      arrived: 100,
      lost: 0,
      duplicates: 1,
      unexpected: 0,
      posts: 40,
      throttled: 1,
      maxRequestsInWindow: 9,
      refused: 0,
      unanswered: 0,
      unconfirmed: 0,
      retries: 3,
      elapsedSeconds: 2.01,
      p50Ms: 1.25,
      p99Ms: 9.5,
      maxMs: 12,
    });
  });
});

describe('the table', () => {
  it('says what was sent by MQTT, and what of it nothing was said of', () => {
    const table = resultTable(UNCONFIRMED);
    expect(table).toContain('0 % over WebSocket, 100 % by MQTT with QoS 0');
    expect(table).toMatch(/unconfirmed +100 /);
    expect(table).toContain('OK: ');
    expect(resultTable(UNHEARD)).toContain('FAILED: nothing was acknowledged');
    expect(resultTable(FINE)).not.toMatch(/MQTT|unconfirmed/);
  });

  it('has a row for each figure and ends with the verdict', () => {
    const table = resultTable(FINE);
    const rows = new Map(table.split('\n').map((line) => line.trim().split(/ {2,}/) as [string, string]));
    expect(
      ['sent', 'acknowledged', 'arrived', 'POSTs', '429s', 'lost', 'duplicates'].map((row) => rows.get(row)),
    ).toEqual(['100', '100', '100', '40', '1', '0', '1']);
    expect([rows.get('p50'), rows.get('p99')]).toEqual(['1.3 ms', '9.5 ms']);
    expect(table).toMatch(/OK: .*\(lost 0, duplicates 1, 429s 1\)\n$/);
  });

  it('says FAILED with what was lost, and when nothing was acknowledged', () => {
    expect(resultTable(LOSING)).toMatch(/FAILED: .* missing .*lost 2/);
    expect(resultTable(SILENT)).toMatch(/FAILED: nothing was acknowledged/);
  });

  it('says what kept states from being acknowledged', () => {
    const fleet = { ...FINE.fleet, refused: 2, unanswered: 1, givenUp: 1, lastTrouble: '503 full' };
    expect(resultTable({ ...FINE, fleet })).toContain('2 refused, 2 without an answer; last trouble: 503 full');
  });
});
