import { expect, it } from 'vitest';
import { isWildcardHost, loopbackFor } from '../../src/config/listen-host.js';

it.each([
  ['0.0.0.0', true, '127.0.0.1'],
  ['::', true, '::1'],
  ['0:0:0:0:0:0:0:0', true, '::1'],
  ['127.0.0.1', false, '127.0.0.1'],
  ['::1', false, '::1'],
  ['10.0.0.0', false, '10.0.0.0'],
  ['localhost', false, 'localhost'],
])('%s', (host, isWildcard, loopback) => {
  expect(isWildcardHost(host)).toBe(isWildcard);
  expect(loopbackFor(host)).toBe(loopback);
});
