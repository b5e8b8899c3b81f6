import { describe, expect, it } from 'vitest';
import {
  AbsentDevices,
  type DevicePast,
  FORGOTTEN_AFTER_MS,
  LastSeen,
  SILENT_AFTER_MS,
} from '../../../src/forward/lane/last-seen.js';

const HOUR_MS = 3_600_000;

function heardAt(...timesMs: number[]): LastSeen {
  const lastSeen = new LastSeen();
  for (const timeMs of timesMs) lastSeen.hear(timeMs);
  return lastSeen;
}

describe('a device', () => {
  it('that was never heard of is not silent', () => {
    expect(new LastSeen().isSilent(1e12)).toBe(false);
  });

  it('is silent ten minutes after the last of its frequent states', () => {
    const lastSeen = heardAt(0, 1_000, 2_000);
    expect(lastSeen.isSilent(2_000 + SILENT_AFTER_MS - 1)).toBe(false);
    expect(lastSeen.isSilent(2_000 + SILENT_AFTER_MS)).toBe(true);
  });

  it('that reports once an hour is silent after two hours', () => {
    const lastSeen = heardAt(0, 1_000, HOUR_MS, HOUR_MS + 1_000);
    const pauseMs = HOUR_MS - 1_000;
    expect(lastSeen.isSilent(HOUR_MS + 1_000 + 2 * pauseMs - 1)).toBe(false);
    expect(lastSeen.isSilent(HOUR_MS + 1_000 + 2 * pauseMs)).toBe(true);
  });

  it('that was away for days is judged by its rhythm all the same', () => {
    const lastMs = 60 * HOUR_MS;
    expect(heardAt(0, 1_000, lastMs).isSilent(lastMs + SILENT_AFTER_MS)).toBe(true);
  });

  it('that is gone for a week is one of the past', () => {
    expect(heardAt(0).isSilent(FORGOTTEN_AFTER_MS - 1)).toBe(true);
    expect(heardAt(0).isSilent(FORGOTTEN_AFTER_MS)).toBe(false);
  });
});

describe('the absent devices', () => {
  it('are kept until they are back', () => {
    const absent = new AbsentDevices();
    const past = { lastSeen: heardAt(5), refusals: undefined };
    absent.add('a', past);
    expect(absent.take('a')).toBe(past);
    expect([absent.take('a'), absent.size]).toEqual([undefined, 0]);
  });

  it('are never more than the bound: the one dropped longest ago is forgotten', () => {
    const absent = new AbsentDevices(2);
    const past = { lastSeen: heardAt(0), refusals: undefined };
    for (const key of ['a', 'b']) absent.add(key, past);
    absent.add('a2', absent.take('a') as DevicePast);
    absent.add('c', past);
    expect([...absent.all()].map(([key]) => key)).toEqual(['a2', 'c']);
  });
});
