import { describe, expect, it } from 'vitest';
import { expiryOf } from '../../src/auth/token-claims.js';
import { tokenExpiringAt, tokenWithClaims } from './tokens.js';

describe('expiryOf', () => {
  it('reads exp, which is in seconds, as milliseconds', () => {
    expect(expiryOf(tokenExpiringAt(1_767_225_600_000))).toBe(1_767_225_600_000);
    expect(expiryOf(tokenWithClaims({ exp: 12.5 }))).toBe(12_500);
  });

  it('reads base64url, whose letters differ from base64', () => {
    // The claims encode to a text with both of the letters that base64 writes otherwise.
    const token = tokenWithClaims({ name: '???>>>~~~ÿÿ', exp: 7 });
    expect(token.split('.')[1]).toMatch(/_/);
    expect(token.split('.')[1]).toMatch(/-/);
    expect(expiryOf(token)).toBe(7_000);
  });

  it.each([
    ['is no JWT', 'an-opaque-token'],
    ['is empty', ''],
    ['has no payload', 'header..signature'],
    ['has a payload that is not JSON', `header.${Buffer.from('{"exp":').toString('base64url')}.signature`],
    ['has claims that are null', tokenWithClaims(null)],
    ['has claims that are a number', tokenWithClaims(5)],
    ['has no exp', tokenWithClaims({ sub: 'device' })],
    ['has an exp that is a string', tokenWithClaims({ exp: '7' })],
    ['has an exp that is null', tokenWithClaims({ exp: null })],
  ])('is infinite where the token %s', (_, token) => {
    expect(expiryOf(token)).toBe(Number.POSITIVE_INFINITY);
  });
});
