import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pause, systemClock } from '../../../src/core/time/clock.js';

const DAY_MS = 86_400_000;

describe('timers of the machine’s own clock', () => {
  const warnings: string[] = [];
  const note = (warning: Error): void => {
    warnings.push(`${warning.name}: ${warning.message}`);
  };

  beforeEach(() => {
    warnings.length = 0;
    process.on('warning', note);
  });

  afterEach(() => {
    process.off('warning', note);
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('are due at once when their time has passed meanwhile, and Node has nothing to warn of', async () => {
    const setTimer = vi.spyOn(globalThis, 'setTimeout');
    await new Promise<void>((resolve) => systemClock.schedule(-0.012, resolve));
    await pause(-3);
    // Node 20 says nothing of a delay below 0; newer ones do.
    expect(setTimer.mock.calls.map(([, delayMs]) => delayMs)).toEqual([0, 0]);
    expect(warnings).toEqual([]);
  });

  it('are given more than the 24.8 days that a timer of Node’s can take', () => {
    vi.useFakeTimers();
    const task = vi.fn();
    systemClock.schedule(30 * DAY_MS, task);
    vi.advanceTimersByTime(30 * DAY_MS - 1);
    expect(task).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(task).toHaveBeenCalledOnce();
  });

  it.each([0, 26])('of 30 days are cancelled after %i', (days) => {
    vi.useFakeTimers();
    const task = vi.fn();
    const cancel = systemClock.schedule(30 * DAY_MS, task);
    vi.advanceTimersByTime(days * DAY_MS);
    cancel();
    expect(vi.getTimerCount()).toBe(0);
  });
});
