import { describe, expect, test } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import {
  assertIds,
  assertNotCompressed,
  bearerToken,
  bodyTooLarge,
  encodingOf,
  tokenOfQuery,
} from '../../../src/front/http/request-head.js';
import { APPLICATION, DEVICE } from '../../helpers/front-harness.js';

function errorOf(act: () => unknown): StatewayError {
  try {
    act();
  } catch (error) {
    if (error instanceof StatewayError) return error;
    throw error;
  }
  throw new Error('it should have been refused');
}

describe('bearerToken', () => {
  test.each([
    ['Bearer abc.def.ghi', 'abc.def.ghi'],
    ['bearer abc', 'abc'],
    ['BEARER abc', 'abc'],
    ['Bearer   abc', 'abc'],
    ['Bearer abc  ', 'abc'],
  ])('reads %j', (header, token) => {
    expect(bearerToken(header)).toBe(token);
  });

  test.each(['Bearer', 'Bearer ', 'Bearer  ', 'Basic abc', 'abc', 'Bearerabc', 'Bearer a b', 'Bearer a, Bearer b'])(
    'refuses %j as Unauthorized, without repeating it',
    (header) => {
      const error = errorOf(() => bearerToken(header));
      expect({ code: error.code, status: error.status }).toEqual({ code: 'STATEWAY_TOKEN_MISSING', status: 401 });
      expect(error.message).toBe('the Authorization header is not of the form "Bearer <token>"');
    },
  );

  test('says that the header is missing when it is', () => {
    expect(errorOf(() => bearerToken('')).message).toContain('Authorization header is missing');
  });
});

describe('encodingOf', () => {
  test.each([
    ['', 'json'],
    ['application/json', 'json'],
    ['application/json; charset=utf-8', 'json'],
    ['application/json;charset=UTF8', 'json'],
    ['Application/JSON; Charset="utf-8"', 'json'],
    ['application/json; version=1', 'json'],
    ['application/msgpack', 'msgpack'],
    ['application/x-msgpack', 'msgpack'],
    ['application/vnd.msgpack', 'msgpack'],
    ['Application/MsgPack; charset=binary', 'msgpack'],
  ])('%j is %s', (contentType, encoding) => {
    expect(encodingOf(contentType)).toBe(encoding);
  });

  test.each([
    'text/plain',
    'text/json',
    'application/jsonp',
    'application/x-www-form-urlencoded',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-16',
    'application/json, text/plain',
    ';',
  ])('%j is refused with what is allowed', (contentType) => {
    const error = errorOf(() => encodingOf(contentType));
    expect({ code: error.code, status: error.status }).toEqual({ code: 'STATEWAY_CONTENT_TYPE', status: 415 });
    expect(error.message).toMatch(/application\/json.*application\/msgpack/);
  });
});

describe('assertNotCompressed', () => {
  test.each(['', 'identity', 'Identity'])('%j passes', (encoding) => {
    expect(() => assertNotCompressed(encoding)).not.toThrow();
  });

  test.each(['gzip', 'br', 'deflate', 'identity, gzip'])('%j is refused by its header', (encoding) => {
    const error = errorOf(() => assertNotCompressed(encoding));
    expect({ code: error.code, status: error.status }).toEqual({ code: 'STATEWAY_CONTENT_ENCODING', status: 415 });
    expect(error.message).toContain('Content-Encoding');
  });
});

describe('assertIds', () => {
  test('passes ids in either case', () => {
    expect(() => assertIds(APPLICATION.toUpperCase(), DEVICE)).not.toThrow();
    expect(() => assertIds(APPLICATION)).not.toThrow();
  });

  test.each([
    ['x', DEVICE, 'application'],
    [`${APPLICATION}0`, DEVICE, 'application'],
    ['', DEVICE, 'application'],
    [APPLICATION, 'x', 'device'],
    [APPLICATION, DEVICE.slice(1), 'device'],
    [APPLICATION, `${DEVICE.slice(1)}g`, 'device'],
    ['x', 'x', 'application'],
  ])('%j and %j: names the %s id', (applicationId, deviceId, which) => {
    const error = errorOf(() => assertIds(applicationId, deviceId));
    expect(error.code).toBe('STATEWAY_INVALID_ID');
    expect(error.message).toBe(`the ${which} id in the path must be 24 hexadecimal digits`);
  });
});

describe('tokenOfQuery', () => {
  test.each([
    ['', ''],
    ['token=abc.def', 'abc.def'],
    ['_actions=false&token=abc', 'abc'],
    ['token=a%2Bb', 'a+b'],
    ['tokens=abc', ''],
    ['token=', ''],
    ['token=first&token=second', 'first'],
    ['%zz&token=abc', 'abc'],
  ])('%j brings %j', (query, token) => {
    expect(tokenOfQuery(query)).toBe(token);
  });
});

test('bodyTooLarge names the limit', () => {
  const error = bodyTooLarge(262_144);
  expect({ status: error.status, type: error.type }).toEqual({ status: 413, type: 'PayloadTooLarge' });
  expect(error.message).toContain('262144 bytes');
});
