import { describe, expect, it } from 'vitest';
import { expiryOf, sendRightOf } from '../../src/auth/token-claims.js';
import { ownDeviceOf } from '../../src/core/token.js';
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
    ['has two parts', tokenExpiringAt(7_000).replace(/\.signature$/, '')],
    ['has four parts', `${tokenExpiringAt(7_000)}.x`],
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

describe('sendRightOf', () => {
  it.each([
    'all.Application',
    'all.Application.bounded',
    'all.Device',
    'all.Organization',
    'all.Organization.bounded',
    'all.User',
    'all.User.bounded',
    'device.*',
    'device.sendState',
  ])('%s sends, in a list, in a text, alone and among others', (scope) => {
    for (const claim of [[scope], ['device.get', scope], scope, `device.get ${scope}`, `device.get, ${scope}`]) {
      expect(sendRightOf(tokenWithClaims({ scope: claim }))).toBe('yes');
    }
  });

  it.each([
    [['all.Device.read']],
    [[]],
    ['device.get devices.get'],
    ['all.device'],
    [['all.Application.read', 'device']],
  ])('%j does not', (scope) => {
    expect(sendRightOf(tokenWithClaims({ scope }))).toBe('no');
  });

  it.each([
    ['is no JWT', 'an-opaque-token'],
    ['has claims that are null', tokenWithClaims(null)],
    ['has no scope', tokenWithClaims({ sub: 'device' })],
    ['has a scope that is null', tokenWithClaims({ scope: null })],
    ['has a scope that is an object', tokenWithClaims({ scope: { 'all.Device': true } })],
    ['has a list with more than names', tokenWithClaims({ scope: ['all.Device', 5] })],
  ])('is unknown where the token %s', (_, token) => {
    expect(sendRightOf(token)).toBe('unknown');
  });
});

describe('ownDeviceOf', () => {
  const DEVICE = 'fedcba9876543210fedcba98';

  it('is the subject of a token of a device, also where it does not say what it is of', () => {
    expect(ownDeviceOf(tokenWithClaims({ sub: DEVICE, subtype: 'device' }))).toBe(DEVICE);
    expect(ownDeviceOf(tokenWithClaims({ sub: DEVICE }))).toBe(DEVICE);
  });

  it.each([
    ['is of an application', tokenWithClaims({ sub: DEVICE, subtype: 'application' })],
    ['names no id', tokenWithClaims({ sub: 'user', subtype: 'device' })],
    ['names none that is a text', tokenWithClaims({ sub: 5 })],
    ['is no JWT', 'an-opaque-token'],
  ])('is none where the token %s', (_, token) => {
    expect(ownDeviceOf(token)).toBeUndefined();
  });
});
