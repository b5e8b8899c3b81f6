import { expect, it } from 'vitest';
import { MAX_CAUSES_LISTED, TroubleCauses } from '../../src/forward/trouble-list.js';

it('groups by trouble and reason, those of most devices first, with all that wait and the first since when', () => {
  const causes = new TroubleCauses();
  causes.add('parked', 'its token', 3, 50);
  causes.add('failing', 'its token', 1, 60);
  causes.add('failing', 'its token', 2, 40);
  expect(causes.listed()).toEqual([
    { trouble: 'failing', reason: 'its token', devices: 2, waitingStates: 3, sinceMs: 40 },
    { trouble: 'parked', reason: 'its token', devices: 1, waitingStates: 3, sinceMs: 50 },
  ]);
});

it('takes reasons for one that differ in ids or numbers, but not those of another status', () => {
  const causes = new TroubleCauses();
  for (const id of ['5'.repeat(24), 'abcdef'.repeat(4)]) causes.add('parked', `no device ${id} (404)`, 0, 0);
  causes.add('refused', 'the value is 12.5 (400)', 0, 0);
  causes.add('refused', 'the value is 7.25 (400)', 0, 0);
  causes.add('refused', 'the value is 7.25 (422)', 0, 0);
  expect(causes.listed().map(({ reason, devices }) => [reason, devices])).toEqual([
    [`no device ${'5'.repeat(24)} (404)`, 2],
    ['the value is 12.5 (400)', 2],
    ['the value is 7.25 (422)', 1],
  ]);
});

it('is bounded however many reasons there are, and tells the largest', () => {
  const causes = new TroubleCauses();
  const letters = (n: number) =>
    String.fromCharCode(97 + (n % 26), 97 + (Math.floor(n / 26) % 26), 97 + Math.floor(n / 676));
  for (let n = 0; n < 5_000; n++) causes.add('failing', letters(n), 0, 0);
  causes.add('failing', letters(30), 0, 0);
  const listed = causes.listed();
  expect(listed).toHaveLength(MAX_CAUSES_LISTED);
  expect(listed[0]).toMatchObject({ reason: letters(30), devices: 2 });
});
