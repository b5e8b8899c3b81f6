import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Distribution, Meters } from '../../../src/core/metering/meters.js';

describe('a distribution', () => {
  it('counts a value on a bound below it, as Prometheus does', () => {
    const distribution = new Distribution([1, 2]);
    for (const value of [0, 1, 1.5, 2, 3]) distribution.observe(value);
    expect([...distribution.counts]).toEqual([2, 2, 1]);
    expect([distribution.count, distribution.sum]).toEqual([5, 7.5]);
  });

  it('takes many equal observations at once', () => {
    const distribution = new Distribution([1, 2]);
    distribution.observe(2, 1_000);
    expect([...distribution.counts, distribution.count, distribution.sum]).toEqual([0, 1_000, 0, 1_000, 2_000]);
  });

  it('never loses an observation', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: 0, max: 1e6 })), (values) => {
        const distribution = new Distribution([0.001, 0.1, 1, 1_000]);
        for (const value of values) distribution.observe(value);
        expect(distribution.counts.reduce((total, count) => total + count, 0)).toBe(values.length);
        expect(distribution.count).toBe(values.length);
      }),
    );
  });
});

describe('meters', () => {
  it('start at nothing, with rising bounds, and share nothing', () => {
    const [one, other] = [new Meters(), new Meters()];
    one.received.http.accepted++;
    one.ackSeconds.observe(1);
    one.upstreamRequests.set('200', 1);
    expect(other).toEqual(new Meters());
    for (const { bounds } of [one.ackSeconds, one.upstreamSeconds, one.upstreamBatchStates]) {
      expect([...bounds].sort((a, b) => a - b)).toEqual(bounds);
    }
  });
});
