import { expect, test } from 'vitest';
import { isBearerToken } from '../../src/core/token.js';

test.each(['a', 'eyJh.eyJz-_.sig', 'a+/~=', '!~'])('%j can be sent', (text) => {
  expect(isBearerToken(text)).toBe(true);
});

test.each(['', ' ', 'a b', 'a\tb', 'a\n', '\u0001a', 'a\u007f', 'é', 'a\ufffd', '\u20ac'])('%j cannot', (text) => {
  expect(isBearerToken(text)).toBe(false);
});
