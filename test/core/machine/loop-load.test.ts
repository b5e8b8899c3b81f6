import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LoopLoad } from '../../../src/core/machine/loop-load.js';

describe('the load of a thread', () => {
  it('is the share of the time since it was measured last in which the loop did not wait', () => {
    const times = { idle: 10_000, active: 500 };
    const load = new LoopLoad(() => ({ ...times }));
    expect(load.share()).toBe(0);
    times.idle += 40;
    times.active += 160;
    expect(load.share()).toBeCloseTo(0.8);
    times.idle += 90;
    times.active += 10;
    expect(load.share()).toBeCloseTo(0.1);
  });

  it('is what it was until a tenth of a second has gone by', () => {
    const times = { idle: 0, active: 0 };
    const load = new LoopLoad(() => ({ ...times }));
    times.active = 100;
    expect(load.share()).toBe(1);
    times.idle = 99;
    expect(load.share()).toBe(1);
    times.idle = 100;
    expect(load.share()).toBe(0);
  });

  it('tells a thread that works from one that waits', async () => {
    const load = new LoopLoad();
    const untilMs = performance.now() + 150;
    while (performance.now() < untilMs);
    // The loop counts a turn when it is over.
    await pause(1);
    expect(load.share()).toBeGreaterThan(0.5);
    await pause(400);
    expect(load.share()).toBeLessThan(0.5);
  });
});
