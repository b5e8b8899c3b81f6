import { beforeEach, expect, it } from 'vitest';
import { JournalIndex } from '../../../src/spool/journal/journal-index.js';

let index: JournalIndex;

beforeEach(() => {
  index = new JournalIndex();
});

function figures() {
  return { bytes: index.bytes, states: index.states, oldest: index.oldestStoredAtMs };
}

it('sums what is added', () => {
  expect(figures()).toEqual({ bytes: 0, states: 0, oldest: undefined });
  index.add(1, 100, 5_000, 1, 3);
  index.add(2, 50, 6_000, 2, 4);
  expect(figures()).toEqual({ bytes: 150, states: 7, oldest: 5_000 });
});

it('takes a dropped record back whole, and one it does not know not at all', () => {
  index.add(1, 100, 5_000, 1, 3);
  index.add(2, 50, 6_000, 2, 4);
  index.drop(1, 3);
  expect(figures()).toEqual({ bytes: 50, states: 4, oldest: 6_000 });
  index.drop(1, 3);
  expect(figures()).toEqual({ bytes: 50, states: 4, oldest: 6_000 });
});

it('says of a record when its last chunk is closed', () => {
  index.add(1, 100, 5_000, 2, 3);
  expect(index.closeChunk(1)).toBe(false);
  expect(index.closeChunk(1)).toBe(true);
  expect(index.closeChunk(9)).toBe(false);
});

it('holds a record until it is trimmed', () => {
  const place = index.add(1, 100, 5_000, 1, 3);
  index.add(2, 50, 6_000, 1, 4);
  index.closeChunk(1);
  index.settleStates(3);
  expect(figures()).toEqual({ bytes: 150, states: 4, oldest: 5_000 });
  expect(index.placeOf(1)).toBe(place);
  expect(index.trim(1)).toBe(place);
  expect(index.placeOf(1)).toBeUndefined();
  expect(figures()).toEqual({ bytes: 50, states: 4, oldest: 6_000 });
  index.trim(1);
  expect(figures()).toEqual({ bytes: 50, states: 4, oldest: 6_000 });
});

it('counts a chunk that was opened again', () => {
  index.add(1, 100, 5_000, 2, 3);
  index.closeChunk(1);
  index.reopenChunk(1);
  expect(index.closeChunk(1)).toBe(false);
  expect(index.closeChunk(1)).toBe(true);
  index.trim(1);
  index.reopenChunk(1);
  expect(figures().bytes).toBe(0);
});
