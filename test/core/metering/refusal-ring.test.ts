import { expect, it } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { FollowedDevices } from '../../../src/core/followed-devices.js';
import {
  KEPT_MS,
  MOST_MESSAGES,
  MOST_OF_AN_ADDRESS,
  MOST_REFUSALS,
  RefusalRing,
} from '../../../src/core/metering/refusal-ring.js';
import { TURNED_AWAY_KEPT_MS } from '../../../src/core/metering/turned-away.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const BAD_BODY = new StatewayError('STATEWAY_MALFORMED_BODY', 'not JSON');
const BAD_TOKEN = new StatewayError('STATEWAY_TOKEN_REFUSED', 'void');
const BUSY = new StatewayError('STATEWAY_OVERLOADED', 'busy');

function ringOf() {
  const clock = new FakeClock();
  const told: string[] = [];
  const ring = new RefusalRing(clock, {
    onFirst: ({ deviceId, code }) => told.push(`${deviceId} ${code}`),
    onTurnedAway: ({ code }, { deviceId }) => told.push(`${deviceId} to come again: ${code}`),
  });
  const note = (deviceId: string, error = BAD_BODY, address = '10.0.0.1', isKnown = false) =>
    ring.note(error, { applicationId: 'app', deviceId, address, isKnown });
  return { clock, told, ring, note };
}

it('counts each device, address and reason by itself, and tells of each once', async () => {
  const { clock, told, ring, note } = ringOf();
  note('a');
  await clock.advance(1_000);
  note('b');
  await clock.advance(1_000);
  note('a');
  note('a', BAD_TOKEN);
  expect(ring.recent().map(({ deviceId, code, count }) => [deviceId, code, count])).toEqual([
    ['a', 'STATEWAY_MALFORMED_BODY', 2],
    ['a', 'STATEWAY_TOKEN_REFUSED', 1],
    ['b', 'STATEWAY_MALFORMED_BODY', 1],
  ]);
  expect(told).toEqual(['a STATEWAY_MALFORMED_BODY', 'b STATEWAY_MALFORMED_BODY', 'a STATEWAY_TOKEN_REFUSED']);
  expect(ring.counts).toEqual(
    new Map([
      ['STATEWAY_MALFORMED_BODY', 3],
      ['STATEWAY_TOKEN_REFUSED', 1],
    ]),
  );
});

it('lists no device that need only send again, but what for, and tells of it once until it is over', async () => {
  const { clock, told, ring, note } = ringOf();
  note('a', BUSY);
  await clock.advance(TURNED_AWAY_KEPT_MS);
  note('b', BUSY);
  expect(ring.recent()).toEqual([]);
  expect(told).toEqual(['a to come again: STATEWAY_OVERLOADED']);
  expect(ring.turnedAway()).toMatchObject([
    { code: 'STATEWAY_OVERLOADED', message: 'busy', count: 2, atMs: clock.wallMs() },
  ]);
  expect(ring.counts.get('STATEWAY_OVERLOADED')).toBe(2);
  await clock.advance(TURNED_AWAY_KEPT_MS + 1);
  expect(ring.turnedAway()).toEqual([]);
  note('c', BUSY);
  expect(told).toHaveLength(2);
  expect(ring.turnedAway()).toMatchObject([{ count: 1 }]);
});

it('forgets after an hour, and then tells of a device anew', async () => {
  const { clock, told, ring, note } = ringOf();
  note('a');
  await clock.advance(KEPT_MS + 1);
  expect(ring.recent()).toEqual([]);
  note('a');
  expect(ring.recent()).toMatchObject([{ deviceId: 'a', count: 1 }]);
  expect(told).toHaveLength(2);
});

it('tells of another mistake of the same code, of few of them, and of each again after an hour without it', async () => {
  const { clock, told, ring, note } = ringOf();
  const mistake = (n: number) => new StatewayError('STATEWAY_MALFORMED_BODY', `mistake ${n}`);
  for (const n of [1, 2, 1, 2]) note('a', mistake(n));
  expect(told).toHaveLength(2);
  for (let n = 1; n <= 100; n++) note('a', mistake(n));
  expect(told).toHaveLength(MOST_MESSAGES);
  expect(ring.recent()).toMatchObject([{ deviceId: 'a', message: 'mistake 100', count: 104 }]);
  await clock.advance(KEPT_MS / 2);
  note('a', mistake(1));
  await clock.advance(KEPT_MS / 2 + 1);
  for (const n of [1, 2]) note('a', mistake(n));
  expect(told).toHaveLength(MOST_MESSAGES + 1);
});

it('tells a device that is followed of each of its refusals, whatever the case of its id', () => {
  const steps: unknown[] = [];
  const followed = new FollowedDevices((device, step, told) => steps.push([device.deviceId, step, told]));
  const ring = new RefusalRing(new FakeClock(), { followed });
  const refused = { applicationId: 'app', deviceId: 'ABC', address: '10.0.0.1', isKnown: false };
  ring.note(BAD_BODY, refused);
  followed.follow(['abc']);
  ring.note(BUSY, refused);
  ring.note(BAD_BODY, { ...refused, deviceId: 'd' });
  expect(steps).toEqual([['ABC', 'refused', { code: 'STATEWAY_OVERLOADED', reason: 'busy', address: '10.0.0.1' }]]);
});

it('is bounded: a scanner leaves room for others, and strangers for those that are known', () => {
  const { ring, note } = ringOf();
  note('known', BAD_BODY, '10.0.0.9', true);
  note('looked for', BAD_TOKEN, '10.0.0.2');
  for (let n = 0; n < 1_000; n++) note(`made up ${n}`, BAD_TOKEN, '10.0.0.3');
  expect(ring.recent()).toHaveLength(2 + MOST_OF_AN_ADDRESS);
  expect(ring.recent().some(({ deviceId }) => deviceId === 'looked for')).toBe(true);
  for (let n = 0; n < 1_000; n++) note('x'.repeat(1_000), BAD_TOKEN, `10.1.${n >> 8}.${n & 255}`);
  expect(ring.recent()).toHaveLength(1 + MOST_REFUSALS);
  expect(ring.recent().some(({ deviceId }) => deviceId === 'known')).toBe(true);
  expect(Math.max(...ring.recent().map(({ deviceId }) => deviceId.length))).toBeLessThanOrEqual(40);
});
