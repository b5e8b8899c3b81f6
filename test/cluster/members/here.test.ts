import { describe, expect, it } from 'vitest';
import { decodeHere, encodeHere, type Here } from '../../../src/cluster/members/here.js';

const HERE: Here = { id: 'ab'.repeat(16), name: 'plant-1', layout: 2, isLeaving: false, owned: [0, 11] };

describe('what a replica says of itself', () => {
  it('is read as it was said', () => {
    expect(decodeHere(encodeHere(HERE))).toEqual(HERE);
  });

  it.each([
    'nothing',
    'null',
    '7',
    '[]',
    '{}',
    JSON.stringify({ ...HERE, id: 'x' }),
    JSON.stringify({ ...HERE, name: 7 }),
    JSON.stringify({ ...HERE, layout: 'new' }),
    JSON.stringify({ ...HERE, layout: -1 }),
    JSON.stringify({ ...HERE, isLeaving: 1 }),
    JSON.stringify({ ...HERE, owned: {} }),
  ])('is passed over when it is %s', (text) => {
    expect(decodeHere(Buffer.from(text))).toBeUndefined();
  });

  it('names partitions by numbers alone, and itself in few words', () => {
    const said = { ...HERE, owned: [1, 'two', -3, 0.5, 4], name: 'x'.repeat(5_000) };
    expect(decodeHere(Buffer.from(JSON.stringify(said)))).toMatchObject({ owned: [1, 4], name: 'x'.repeat(200) });
  });
});
