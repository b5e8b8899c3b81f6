import { beforeEach, expect, it } from 'vitest';
import { LetterGroupsView, MOST_DEVICES, MOST_GROUPS, MOST_READ } from '../../src/admin/letter-groups-view.js';
import type { StoredDeadLetter } from '../../src/core/dead-letter.js';
import { Device } from '../../src/core/device.js';
import { FakeSources } from './fake-sources.js';

let sources: FakeSources;
let view: LetterGroupsView;

beforeEach(() => {
  sources = new FakeSources();
  view = new LetterGroupsView(sources);
});

function letter(number: number, device: number, reason = 'no such attribute', status = 400): StoredDeadLetter {
  return {
    number,
    device: new Device('a'.repeat(24), device.toString(16).padStart(24, '0')),
    timeMs: 0,
    fragment: Buffer.from('"data":{"secret":42}}'),
    status,
    reason,
    refusedAtMs: sources.clock.wallMs() + number * 1_000,
  };
}

it('groups by the words and the status of the cloud, the largest first, with devices and numbers', async () => {
  sources.letters = [letter(1, 7), letter(2, 7), letter(3, 8, 'gone', 404), letter(5, 9), letter(6, 7, 'gone', 410)];
  const { read, upTo, groups, moreGroups } = await view.read();
  expect([read, upTo, moreGroups]).toEqual([5, 6, 0]);
  expect(groups).toEqual([
    {
      id: expect.stringMatching(/^[\w-]{22}$/),
      status: 400,
      reason: 'no such attribute',
      letters: 3,
      devices: 2,
      listed: [
        { applicationId: 'a'.repeat(24), deviceId: `${'0'.repeat(23)}7`, name: null, letters: 2 },
        { applicationId: 'a'.repeat(24), deviceId: `${'0'.repeat(23)}9`, name: null, letters: 1 },
      ],
      numbers: [
        [1, 2],
        [5, 5],
      ],
      first: '2026-01-01T00:00:01.000Z',
      last: '2026-01-01T00:00:05.000Z',
    },
    expect.objectContaining({ status: 404, letters: 1 }),
    expect.objectContaining({ status: 410, letters: 1 }),
  ]);
  expect(new Set(groups.map(({ id }) => id)).size).toBe(3);
  expect(JSON.stringify(groups)).not.toContain('secret');
});

it('tells those of one device, by what the cloud said, the most first', async () => {
  sources.letters = [letter(1, 7, 'gone', 404), letter(2, 7), letter(3, 8), letter(4, 7), letter(5, 9, 'gone', 410)];
  expect(await view.ofDevice(`${'0'.repeat(23)}7`)).toEqual([
    { status: 400, reason: 'no such attribute', letters: 2 },
    { status: 404, reason: 'gone', letters: 1 },
  ]);
  expect(await view.ofDevice('1'.repeat(24))).toEqual([]);
});

it('is bounded, whatever there is', async () => {
  sources.letters = Array.from({ length: MOST_READ + 50 }, (_, n) => letter(n + 1, n % 1_000, `reason ${n % 60}`));
  const { read, upTo, groups, moreGroups } = await view.read();
  expect([read, upTo, groups.length, moreGroups]).toEqual([MOST_READ, MOST_READ + 50, MOST_GROUPS, 10]);
  const [largest] = groups;
  expect(largest?.listed).toHaveLength(MOST_DEVICES);
  expect(largest?.numbers).toHaveLength(10);
  expect(largest?.numbers[0]?.[0]).toBeGreaterThan(50);
});

it('reads once for all who ask within two seconds, and again after a failure', async () => {
  sources.letters = [letter(1, 7)];
  const first = await view.read();
  sources.letters = [letter(1, 7), letter(2, 7)];
  expect(await view.read()).toBe(first);
  await sources.clock.advance(2_000);
  expect((await view.read()).read).toBe(2);
  await sources.clock.advance(2_000);
  const { from } = sources.deadLetters;
  Object.assign(sources.deadLetters, {
    from: () => {
      throw new Error('the disk fails');
    },
  });
  await expect(view.read()).rejects.toThrow('the disk fails');
  Object.assign(sources.deadLetters, { from });
  expect((await view.read()).read).toBe(2);
});

it('says that there are none', async () => {
  sources.letters = [];
  sources.latestDeadLetters = () => [];
  expect(await view.read()).toEqual({ read: 0, upTo: 0, groups: [], moreGroups: 0 });
});
