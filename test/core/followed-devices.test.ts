import { expect, it } from 'vitest';
import { FollowedDevices, MOST_FOLLOWED } from '../../src/core/followed-devices.js';

const idOf = (n: number) => n.toString(16).padStart(24, '0');

it('tells the steps of those that are followed, and of no others', () => {
  const told: unknown[] = [];
  const changes: unknown[] = [];
  const followed = new FollowedDevices(
    ({ deviceId }, step) => told.push([deviceId, step]),
    (ids) => changes.push(ids),
  );
  const tell = (deviceId: string) => followed.tell({ applicationId: 'a', deviceId }, 'settled', { states: 1 });
  tell(idOf(10));
  expect([followed.isIdle, followed.has(idOf(10)), told]).toEqual([true, false, []]);
  followed.follow([idOf(10).toUpperCase()]);
  tell(idOf(10));
  tell(idOf(11));
  expect([followed.isIdle, followed.ids, told]).toEqual([false, [idOf(10)], [[idOf(10), 'settled']]]);
  followed.follow([]);
  tell(idOf(10));
  expect([followed.isIdle, told.length, changes]).toEqual([true, 1, [[idOf(10)], []]]);
});

it('is bounded', () => {
  const followed = new FollowedDevices();
  followed.follow(Array.from({ length: MOST_FOLLOWED + 5 }, (_, n) => idOf(n)));
  expect(followed.ids).toHaveLength(MOST_FOLLOWED);
});
