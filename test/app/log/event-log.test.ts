import { beforeEach, describe, expect, it } from 'vitest';
import { type EventFields, EventLog, type LineWriter, MAX_LINES, WINDOW_MS } from '../../../src/app/log/event-log.js';
import { FakeClock } from '../../helpers/fake-clock.js';

let clock: FakeClock;
let lines: (EventFields & { level: string; message: string })[];
let log: EventLog;

beforeEach(() => {
  clock = new FakeClock();
  lines = [];
  const at = (level: string) => (fields: EventFields, message: string) => {
    lines.push({ ...fields, level, message });
  };
  const writer: LineWriter = { info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') };
  log = new EventLog(writer, clock, { droppedLines: 0 }, { debug: at('debug') });
});

function park(devices: number): void {
  for (let device = 0; device < devices; device++) log.warn({ event: 'device-parked', device }, 'device parked');
}

const countOf = (kind: string) => lines.filter(({ event }) => event === kind).length;

describe('the log', () => {
  it('writes an event as it is', () => {
    log.info({ event: 'ready', listen: 'a:1' }, 'ready on a:1');
    log.error({ event: 'dead-letters', states: 2 }, 'states given up');
    expect(lines).toEqual([
      { event: 'ready', listen: 'a:1', level: 'info', message: 'ready on a:1' },
      { event: 'dead-letters', states: 2, level: 'error', message: 'states given up' },
    ]);
  });

  it('writes ten of a kind within a minute, and then how many it left out', async () => {
    park(1_000);
    expect(countOf('device-parked')).toBe(MAX_LINES);
    await clock.advance(WINDOW_MS - 1);
    expect(lines).toHaveLength(MAX_LINES);
    await clock.advance(1);
    expect(lines.at(-1)).toEqual({
      event: 'lines-left-out',
      of: 'device-parked',
      lines: 990,
      level: 'warn',
      message: 'lines left out',
    });
  });

  it('says nothing of lines left out when there were none', async () => {
    park(MAX_LINES);
    await clock.advance(WINDOW_MS);
    expect(lines).toHaveLength(MAX_LINES);
  });

  it('begins again after the minute', async () => {
    park(MAX_LINES + 1);
    await clock.advance(WINDOW_MS);
    park(1);
    expect(countOf('device-parked')).toBe(MAX_LINES + 1);
  });

  it('leaves room for the other kinds', () => {
    park(MAX_LINES + 1);
    log.warn({ event: 'cloud-lost' }, 'the cloud does not answer');
    expect(lines.at(-1)?.event).toBe('cloud-lost');
  });

  it('never leaves out the last words', () => {
    for (let n = 0; n <= MAX_LINES; n++) log.fatal({ event: 'stop-overdue' }, 'could not stop');
    expect(countOf('stop-overdue')).toBe(MAX_LINES + 1);
  });

  it('says at its end what it left out, and leaves no timer', () => {
    park(MAX_LINES + 5);
    log.info({ event: 'draining' }, 'draining');
    log.close();
    expect(lines.at(-1)).toMatchObject({ event: 'lines-left-out', of: 'device-parked', lines: 5 });
    expect(clock.pendingTimers).toBe(0);
  });
});
