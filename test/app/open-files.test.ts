import { expect, test } from 'vitest';
import { maxEventStreams } from '../../src/app/open-files.js';

const limits = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft}               1048576              files     \n`;

test.each([
  ['1048576', 12_288],
  ['unlimited', 12_288],
  ['40960', 12_288],
  ['20000', 5_301],
  ['4096', 64],
  ['1024', 64],
])('of %s files, %i event streams', (soft, streams) => {
  expect(maxEventStreams(limits(soft))).toBe(streams);
});

test('where the limit cannot be read there is none', () => {
  expect(maxEventStreams('')).toBe(12_288);
});
