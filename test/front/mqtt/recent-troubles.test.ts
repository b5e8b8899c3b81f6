import { expect, it } from 'vitest';
import { RecentTroubles } from '../../../src/front/mqtt/recent-troubles.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const idsOf = (troubles: RecentTroubles) => troubles.recent().map(({ deviceId }) => deviceId);

it('keeps what was told of a device last, for an hour', async () => {
  const clock = new FakeClock();
  const troubles = new RecentTroubles(clock);
  troubles.note('denied_topic', 'a', 'first');
  troubles.note('shared_id', 'a', 'another kind');
  await clock.advance(1_000);
  troubles.note('denied_topic', 'a', 'second');
  const kept = { deviceId: 'a', kind: 'denied_topic', words: 'second', atMs: clock.wallMs() };
  expect(troubles.recent()).toEqual([
    kept,
    { ...kept, kind: 'shared_id', words: 'another kind', atMs: kept.atMs - 1_000 },
  ]);
  await clock.advance(3_600_000 - 1);
  expect(troubles.recent()).toEqual([kept]);
  await clock.advance(2);
  expect(troubles.recent()).toEqual([]);
});

it('keeps a hundred devices of each kind, and forgets the one told of longest ago', () => {
  const troubles = new RecentTroubles(new FakeClock());
  troubles.note('shared_id', 'other', '');
  for (let n = 0; n < 100; n++) troubles.note('denied_topic', `${n}`, '');
  troubles.note('denied_topic', '0', 'again');
  troubles.note('denied_topic', '100', '');
  const ids = idsOf(troubles);
  expect(ids).toHaveLength(101);
  expect(ids).toContain('other');
  expect(ids).toContain('0');
  expect(ids).not.toContain('1');
});
