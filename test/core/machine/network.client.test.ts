import { describe, expect, test } from 'vitest';
import { clientAddress } from '../../../src/core/machine/network.js';

describe('clientAddress', () => {
  test.each([
    [[192, 0, 2, 1], '192.0.2.1'],
    [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1], '192.0.2.1'],
    [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xcd, 0, 1], '2001:db8:0:0:0:0:abcd:1'],
    [[], ''],
  ])('of %j is %j', (bytes, text) => {
    expect(clientAddress(Uint8Array.from(bytes).buffer)).toBe(text);
  });
});
