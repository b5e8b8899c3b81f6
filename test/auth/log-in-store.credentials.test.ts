import { expect, it } from 'vitest';
import { readCredentials } from '../../src/auth/log-in-store.js';

const GOOD = { deviceId: 'fedcba9876543210fedcba98', key: 'k', secret: 's' };

function read(body: unknown): ReturnType<typeof readCredentials> {
  return readCredentials(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

it('reads credentials, the id in lower case', () => {
  expect(read({ ...GOOD, deviceId: GOOD.deviceId.toUpperCase() })).toMatchObject(GOOD);
});

it('gives requests that ask for the same one text', () => {
  const request = read({ ...GOOD, tokenTTL: 60, requestedScopes: ['a', 'b'] })?.request;
  expect(read({ requestedScopes: ['b', 'a'], tokenTTL: 60, ...GOOD })?.request).toBe(request);
});

it('gives requests that differ in anything different texts', () => {
  const requests = [
    GOOD,
    { ...GOOD, deviceId: 'fedcba9876543210fedcba99' },
    { ...GOOD, key: 'K' },
    { ...GOOD, secret: 'S' },
    { ...GOOD, key: 's', secret: 'k' },
    { ...GOOD, tokenTTL: 0 },
    { ...GOOD, tokenTTL: 60 },
    { ...GOOD, requestedScopes: [] },
    { ...GOOD, requestedScopes: ['a'] },
    { ...GOOD, requestedScopes: ['a', 'b'] },
    { ...GOOD, requestedScopes: ['a","b'] },
  ].map((credentials) => read(credentials)?.request);
  expect(new Set(requests).size).toBe(requests.length);
  expect(requests).not.toContain(undefined);
});

it.each([
  ['no JSON', '{'],
  ['null', null],
  ['a list', [GOOD]],
  ['without a device', { key: 'k', secret: 's' }],
  ['with a device that is no id', { ...GOOD, deviceId: 'pump 7' }],
  ['without a key', { ...GOOD, key: undefined }],
  ['without a secret', { ...GOOD, secret: undefined }],
  ['with a key that is no string', { ...GOOD, key: 1 }],
  ['with a time to live that is no number', { ...GOOD, tokenTTL: '60' }],
  ['with scopes that are no list', { ...GOOD, requestedScopes: 'a' }],
  ['with a scope that is no string', { ...GOOD, requestedScopes: ['a', 1] }],
  ['with a property that is none', { ...GOOD, toString: 1 }],
])('reads nothing that is %s', (_, body) => {
  expect(read(body)).toBeUndefined();
});
