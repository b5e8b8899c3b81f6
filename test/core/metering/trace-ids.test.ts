import { expect, it } from 'vitest';
import { MAX_TRACE_CHARACTERS, safeTrace } from '../../../src/core/metering/trace-ids.js';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

it('keeps what has the form of one', () => {
  const trace = { traceparent: TRACEPARENT, requestId: 'a1/b=2@host:7' };
  expect(safeTrace(trace)).toEqual(trace);
  expect(safeTrace({ ...trace, requestId: 'x'.repeat(MAX_TRACE_CHARACTERS) }).requestId).toHaveLength(128);
});

it.each([
  ['nothing', '', ''],
  ['another form', TRACEPARENT.toUpperCase(), 'two words'],
  ['what ends a line or a string', `${TRACEPARENT}\n`, '"},{"'],
  ['what is too long', `${TRACEPARENT}-${'a'.repeat(100)}`, 'x'.repeat(MAX_TRACE_CHARACTERS + 1)],
])('leaves out %s', (_what, traceparent, requestId) => {
  expect(safeTrace({ traceparent, requestId })).toEqual({});
});

it('has nothing of a request that names none', () => {
  expect(safeTrace(undefined)).toEqual({});
});
