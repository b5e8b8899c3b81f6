import { describe, expect, it } from 'vitest';
import { isIgnored, isOutOfWindow, windowAt } from '../../../src/core/time/cloud-window.js';
import { withTimebase } from '../../../src/core/time/timebase.js';

const NOW_MS = Date.UTC(2026, 5, 1, 12);
const DAY_MS = 86_400_000;

const EDGES = [
  [-30 * DAY_MS, false],
  [-30 * DAY_MS - 1, true],
  [DAY_MS, false],
  [DAY_MS + 1, true],
  [0, false],
] as const;

describe('isOutOfWindow', () => {
  it.each(EDGES)('for %d ms from now is %s', (offsetMs, expected) => {
    expect(isOutOfWindow(NOW_MS + offsetMs, NOW_MS)).toBe(expected);
  });
});

describe('isIgnored', () => {
  it.each(EDGES)('for a time that the device named, %d ms from now, is %s', (offsetMs, expected) => {
    expect(isIgnored(NOW_MS + offsetMs, NOW_MS, windowAt(NOW_MS))).toBe(expected);
  });

  it('judges a time that was counted from its arrival by that, whatever the clock shows', () => {
    const arrivalMs = withTimebase(12_000, 1);
    expect(isIgnored(withTimebase(12_000 - DAY_MS, 1), arrivalMs, windowAt(NOW_MS))).toBe(false);
    expect(isIgnored(withTimebase(12_000 - 31 * DAY_MS, 1), arrivalMs, windowAt(NOW_MS))).toBe(true);
  });
});
