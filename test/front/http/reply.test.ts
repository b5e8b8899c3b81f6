import type { HttpResponse } from 'uws-current';
import { describe, expect, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { statusLine, writeError, writeErrorWithoutBody, writeSuccess } from '../../../src/front/http/reply.js';

/** Writes down what is called on a response, in order. */
function recordedResponse() {
  const calls: unknown[][] = [];
  const res = {
    writeStatus: (...args: unknown[]) => note('status', args),
    writeHeader: (...args: unknown[]) => note('header', args),
    end: (...args: unknown[]) => note('end', args),
    endWithoutBody: (...args: unknown[]) => note('endWithoutBody', args),
  };
  function note(name: string, args: unknown[]) {
    calls.push([name, ...args.map((arg) => (arg instanceof ArrayBuffer ? Buffer.from(arg).toString() : arg))]);
    return res;
  }
  return { res: res as unknown as HttpResponse, calls };
}

const JSON_HEADER = ['header', 'Content-Type', 'application/json; charset=utf-8'];
const ANY_ORIGIN = ['header', 'Access-Control-Allow-Origin', '*'];

describe('statusLine', () => {
  test.each([
    [200, '200 OK'],
    [404, '404 Not Found'],
    [503, '503 Service Unavailable'],
    [599, '599 Status'],
  ])('of %i', (status, line) => {
    expect(statusLine(status)).toBe(line);
    expect(statusLine(status)).toBe(line);
  });
});

test('success is the cloud’s own answer', () => {
  const { res, calls } = recordedResponse();
  writeSuccess(res, false);
  expect(calls).toEqual([ANY_ORIGIN, JSON_HEADER, ['end', '{"success":true}', false]]);
});

describe('writeError', () => {
  test('writes status, type and message in the cloud’s shape, the status first', () => {
    const { res, calls } = recordedResponse();
    writeError(res, new StatewayError('STATEWAY_INVALID_ID', 'the "device" id'));
    expect(calls).toEqual([
      ['status', '400 Bad Request'],
      ANY_ORIGIN,
      JSON_HEADER,
      ['end', '{"type":"Validation","message":"the \\"device\\" id"}', false],
    ]);
  });

  test('an Unavailable says when to come back', () => {
    const { res, calls } = recordedResponse();
    writeError(res, new StatewayError('STATEWAY_SPOOL_FULL', 'full', { retryAfterSeconds: 7 }));
    expect(calls).toContainEqual(['header', 'Retry-After', '7']);
  });

  test('an Unauthorized names the scheme (RFC 9110 11.6.1)', () => {
    const { res, calls } = recordedResponse();
    writeError(res, new StatewayError('STATEWAY_TOKEN_MISSING', 'missing'));
    expect(calls).toContainEqual(['header', 'WWW-Authenticate', 'Bearer']);
  });

  test('ends the connection after a body that is too large', () => {
    const { res, calls } = recordedResponse();
    writeError(res, new StatewayError('STATEWAY_BODY_TOO_LARGE', 'large'));
    expect(calls.at(-1)).toEqual(['end', '{"type":"PayloadTooLarge","message":"large"}', true]);
  });
});

test('an error without its body has the same head', () => {
  const { res, calls } = recordedResponse();
  writeErrorWithoutBody(res, new StatewayError('STATEWAY_NO_SUCH_ROUTE', 'none'));
  expect(calls).toEqual([['status', '404 Not Found'], ANY_ORIGIN, JSON_HEADER, ['endWithoutBody']]);
});

test('the last answer of a connection says so, with a body and without', () => {
  const { res, calls } = recordedResponse();
  const error = new StatewayError('STATEWAY_NO_SUCH_ROUTE', 'none');
  writeSuccess(res, true);
  writeError(res, error, true);
  writeErrorWithoutBody(res, error, true);
  expect(calls.filter(([name]) => String(name).startsWith('end'))).toEqual([
    ['end', expect.any(String), true],
    ['end', expect.any(String), true],
    ['endWithoutBody', 0, true],
  ]);
});
