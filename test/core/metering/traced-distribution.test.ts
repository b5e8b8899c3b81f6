import { describe, expect, it } from 'vitest';
import { Distribution, Meters } from '../../../src/core/metering/meters.js';
import { TracedDistribution } from '../../../src/core/metering/traced-distribution.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const SAMPLED = `00-${TRACE_ID}-${SPAN_ID}-01`;
const BY_TRACE = { trace_id: TRACE_ID, span_id: SPAN_ID };
/** Beside its name it may have 128 characters in all. */
const LONGEST_ID = 'x'.repeat(118);

function tracedBy(traceparent: string, requestId: string) {
  const clock = new FakeClock();
  const distribution = new TracedDistribution([1, 2], clock);
  distribution.observe(1.5, 1, { traceparent, requestId });
  return { clock, distribution };
}

describe('an observation is found', () => {
  it.each([
    ['by its trace', SAMPLED, '', BY_TRACE],
    ['by its trace alone, though its request has an id', SAMPLED, 'r-1', BY_TRACE],
    [
      'by the id of its request, where nobody keeps the trace',
      `00-${TRACE_ID}-${SPAN_ID}-00`,
      'r-1',
      { request_id: 'r-1' },
    ],
    [
      'by the id of its request, where the trace is none',
      `00-${'0'.repeat(32)}-${SPAN_ID}-01`,
      'r-1',
      { request_id: 'r-1' },
    ],
    ['by an id as long as may be', '', LONGEST_ID, { request_id: LONGEST_ID }],
  ])('%s', (_, traceparent, requestId, labels) => {
    const { clock, distribution } = tracedBy(traceparent, requestId);
    expect(distribution.exemplars).toEqual([undefined, { labels, value: 1.5, atMs: clock.wallMs() }, undefined]);
  });

  it.each([
    ['without either', '', ''],
    ['whose id is too long', '', `${LONGEST_ID}x`],
    ['whose id has another form', '', 'Bearer abc'],
    ['of a trace that nobody keeps', `00-${TRACE_ID}-${SPAN_ID}-00`, ''],
  ])('by nothing: one %s', (_, traceparent, requestId) => {
    const { distribution } = tracedBy(traceparent, requestId);
    expect(distribution.exemplars).toEqual([undefined, undefined, undefined]);
    expect(distribution.count).toBe(1);
  });
});

describe('a distribution with exemplars', () => {
  it('keeps the last of each bucket, and counts as one without', () => {
    const clock = new FakeClock();
    const distribution = new TracedDistribution([1, 2], clock);
    const plain = new Distribution([1, 2]);
    const observed = [
      [0.5, 'a'],
      [1, 'b'],
      [1.5, ''],
      [9, 'c'],
    ] as const;
    for (const [value, requestId] of observed) {
      distribution.observe(value, 2, { traceparent: '', requestId });
      plain.observe(value, 2);
    }
    distribution.observe(0.7);
    plain.observe(0.7);
    expect(distribution.exemplars.map((exemplar) => exemplar?.labels.request_id)).toEqual(['b', undefined, 'c']);
    const { counts, sum, count } = plain;
    expect(distribution).toMatchObject({ counts, sum, count });
  });

  it('is made only where somebody asks for it: else nothing is kept of a trace', () => {
    const { ackSeconds, upstreamSeconds } = new Meters();
    for (const distribution of [ackSeconds, upstreamSeconds]) {
      distribution.observe(1.5, 1, { traceparent: SAMPLED, requestId: 'r-1' });
      expect(Object.getPrototypeOf(distribution)).toBe(Distribution.prototype);
      expect(distribution.exemplars).toEqual([]);
      expect(distribution.count).toBe(1);
    }
  });
});
