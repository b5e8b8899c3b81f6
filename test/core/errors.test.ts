import { describe, expect, it } from 'vitest';
import { asStatewayError, ERROR_TABLE, type ErrorCode, type ErrorRow, StatewayError } from '../../src/core/errors.js';

const ROWS = Object.entries(ERROR_TABLE) as [ErrorCode, ErrorRow][];

/** Contract 1.3; 405 is the admin side's alone, and 408 ends a body that came no further. */
const STATUS_BY_TYPE: Readonly<Record<string, readonly number[]>> = {
  Validation: [400],
  Unauthorized: [401],
  Forbidden: [403],
  NotFound: [404],
  MethodNotAllowed: [405],
  RequestTimeout: [408],
  PayloadTooLarge: [413],
  UnsupportedMediaType: [415],
  Throttled: [429],
  BadGateway: [502],
  Unavailable: [503],
};

describe('the table of errors', () => {
  it.each(ROWS)('%s has the status of its type', (_code, { type, status }) => {
    expect(STATUS_BY_TYPE[type]).toContain(status);
  });

  it.each(ROWS)("%s may be sent again unchanged only if the trouble is not the sender's", (_code, row) => {
    expect(row.retryable).toBe([408, 429, 502, 503].includes(row.status));
  });
});

describe('an error', () => {
  it.each(ROWS)('%s carries its row', (code, { type, status, retryable }) => {
    const error = new StatewayError(code, 'what and why');
    expect(error).toMatchObject({ code, type, status, retryable, message: 'what and why' });
    expect(error.toBody()).toEqual({ type, message: 'what and why' });
    expect(error.retryAfterSeconds === undefined).toBe(status !== 503);
  });

  it('takes a better figure for Retry-After', () => {
    const error = new StatewayError('STATEWAY_CLOUD_THROTTLED', 'slow down', { retryAfterSeconds: 15 });
    expect(error.retryAfterSeconds).toBe(15);
  });

  it('keeps its cause out of the answer', () => {
    const error = new StatewayError('STATEWAY_SPOOL_FAILED', 'not stored', { cause: new Error('hunter2') });
    expect((error.cause as Error).message).toBe('hunter2');
    expect(JSON.stringify(error.toBody())).not.toContain('hunter2');
  });
});

describe('the stack of an error', () => {
  const FAULTS = ['STATEWAY_CONFIGURATION', 'STATEWAY_SPOOL_FAILED', 'STATEWAY_WORKER_FAILED'];
  const framesOf = ({ stack = '' }: Error) => stack.split('\n').filter((line) => /^ +at /.test(line)).length;

  it.each(ROWS)('%s has one only where it tells of a fault here', (code) => {
    expect(framesOf(new StatewayError(code, 'what and why')) > 0).toBe(FAULTS.includes(code));
  });

  it('of other errors is left as it is, and so is that of a cause', () => {
    const before = framesOf(new Error('before'));
    const cause = new TypeError('x');
    const error = asStatewayError(cause, 'STATEWAY_CLOUD_UNREACHABLE', 'cannot be checked');
    expect(framesOf(error.cause as Error)).toBeGreaterThan(0);
    expect(framesOf(new Error('after'))).toBe(before);
  });
});

describe('whatever was thrown', () => {
  it('stays what it is when it has a code', () => {
    const error = new StatewayError('STATEWAY_INVALID_ID', 'no id');
    expect(asStatewayError(error, 'STATEWAY_SPOOL_FAILED', 'not stored')).toBe(error);
  });

  it.each([new TypeError('x'), 'text', undefined, null])('gets the code that is given for %s', (thrown) => {
    const error = asStatewayError(thrown, 'STATEWAY_SPOOL_FAILED', 'not stored');
    expect(error).toMatchObject({ code: 'STATEWAY_SPOOL_FAILED', message: 'not stored' });
    expect(error.cause ?? null).toBe(thrown ?? null);
  });
});
