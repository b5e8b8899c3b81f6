import { describe, expect, it } from 'vitest';
import { takeExtensions } from '../../src/state/extended-json.js';

function taken(body: unknown): { body: unknown; leftOut: number; emptied: number } {
  const { leftOut, emptied } = takeExtensions(body);
  return { body, leftOut, emptied: emptied.size };
}

describe('attributes of extended JSON', () => {
  it('without a value are left out, and counted', () => {
    const body = { data: { a: null, b: { $undefined: true }, c: 1, d: 'text', e: false } };
    expect(taken(body)).toEqual({ body: { data: { c: 1, d: 'text', e: false } }, leftOut: 2, emptied: 0 });
  });

  it.each([
    ['2026-11-29T01:02:03Z', '2026-11-29T01:02:03.000Z'],
    ['2026-11-29T01:02:03.456+01:00', '2026-11-29T00:02:03.456Z'],
    [0, '1970-01-01T00:00:00.000Z'],
    [1_780_000_000_000, '2026-05-28T20:26:40.000Z'],
  ])('that are the date %s become its ISO form', ($date, iso) => {
    expect(taken({ data: { at: { $date } } })).toEqual({ body: { data: { at: iso } }, leftOut: 0, emptied: 0 });
  });

  it.each([
    { $date: 'no date' },
    { $date: 1e300 },
    { $date: true },
    { $date: '2026-11-29T01:02:03Z', more: 1 },
    { $undefined: false },
    { $undefined: true, more: 1 },
    { other: 1 },
    [[1]],
  ])('of any other form are left to the check of the state: %j', (value) => {
    expect(taken({ data: { a: value } })).toEqual({ body: { data: { a: value } }, leftOut: 0, emptied: 0 });
  });
});

it('a state without an attribute left is none any more; one that had none is', () => {
  const list = [{ data: { a: null } }, { data: {} }, { data: { a: null, b: 1 } }];
  const { emptied, leftOut } = takeExtensions(list);
  expect([[...emptied], leftOut]).toEqual([[list[0]], 2]);
});

it.each([
  [undefined],
  [null],
  [1],
  ['text'],
  [[]],
  [[null, 1]],
  [{}],
  [{ data: null }],
  [{ data: [null] }],
  [{ data: 'x' }],
])('leaves %j as it is', (body) => {
  const before = structuredClone(body);
  expect(taken(body)).toEqual({ body: before, leftOut: 0, emptied: 0 });
});
