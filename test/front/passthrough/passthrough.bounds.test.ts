import { expect, test } from 'vitest';
import { MAX_CALLS } from '../../../src/core/bounds.js';
import { CallBounds } from '../../../src/front/passthrough/passthrough.js';

test('strangers leave room for calls with a grant, of each kind', () => {
  const bounds = new CallBounds(MAX_CALLS);
  const taken = (kind: 'stream' | 'upload' | 'other', isStranger: boolean): number => {
    for (let calls = 0; ; calls++) {
      try {
        bounds.take(kind, isStranger);
      } catch {
        return calls;
      }
    }
  };
  expect([taken('stream', true), taken('upload', true), taken('other', true)]).toEqual([6_144, 1_024, 1_024]);
  expect([taken('stream', false), taken('upload', false), taken('other', false)]).toEqual([6_144, 256, 256]);
  bounds.release('other', true);
  expect([taken('other', true), taken('other', false)]).toEqual([1, 0]);
});
