import 'lmdb';
import { expect, it } from 'vitest';
import { SHORT_TEXT, shortenErrorText } from '../../../src/spool/lmdb/lmdb-error-text.js';

/** What `mdb.c` has for it. */
const TEXT_BYTES = 100;
/** The longest `%u` of 32 bits. */
const LONGEST = '4294967295';

it('finds the text in the addon that is loaded, and leaves it short', () => {
  expect(shortenErrorText()).toBe(true);
  expect(shortenErrorText()).toBe(true);
});

it('prints no more than there is memory for', () => {
  expect(SHORT_TEXT.replaceAll('%u', LONGEST).length + 1).toBeLessThanOrEqual(TEXT_BYTES);
});
