import { expect, it } from 'vitest';
import { StatewayError } from '../../src/core/errors.js';
import { FollowedDevices } from '../../src/core/followed-devices.js';
import { Meters } from '../../src/core/metering/meters.js';
import { RefusalRing, type Refused } from '../../src/core/metering/refusal-ring.js';
import { TracedDistribution } from '../../src/core/metering/traced-distribution.js';
import type { FromFront } from '../../src/hub/front-messages.js';
import { FrontNews } from '../../src/hub/front-news.js';
import { FrontTally } from '../../src/hub/front-tally.js';
import type { Outbox } from '../../src/hub/outbox.js';
import { RefusalRelay } from '../../src/hub/refusal-relay.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { exchanged, postTo } from './wire.js';

const BUSY = new StatewayError('STATEWAY_OVERLOADED', 'busy');
const BAD = new StatewayError('STATEWAY_MALFORMED_BODY', 'not JSON');

function refusedOf(deviceId: string): Refused {
  return { applicationId: 'app', deviceId, address: '10.0.0.1', isKnown: true };
}

function openNews() {
  const clock = new FakeClock();
  const timed = (bounds: readonly number[]) => new TracedDistribution(bounds, clock);
  const sums = new Meters(timed);
  const followed = new FollowedDevices();
  const told: string[] = [];
  const ring = new RefusalRing(clock, { onTurnedAway: (_error, { deviceId }) => told.push(deviceId) });
  const tally = new FrontTally(sums, ring);
  let items = 0;
  const outbox: Outbox<FromFront> = postTo((item) => {
    items++;
    if (item.kind === 'news') tally.take(item);
  });
  const meters = new Meters(timed);
  const refusals = new RefusalRelay(followed);
  const held = { http: 0, websocket: 0, bodies: 0 };
  const news = new FrontNews({
    clock,
    outbox,
    meters,
    refusals,
    connections: () => ({ http: held.http, websocket: held.websocket }),
    openBodies: () => held.bodies,
  });
  news.start();
  const tick = async (): Promise<number> => {
    await clock.advance(100);
    await exchanged();
    return items;
  };
  return { sums, followed, ring, told, tally, meters, refusals, held, news, tick, clock };
}

it('what a front counts and holds is known in the hub a moment later, once, and nothing is said where nothing is new', async () => {
  const { sums, tally, meters, held, news, tick, clock } = openNews();
  await tick();
  meters.received.http.accepted += 2;
  Object.assign(held, { http: 3, websocket: 2, bodies: 5 });
  news.noteSocket('a', 1);
  news.noteSocket('b', 1);
  const said = await tick();
  expect(sums.received.http.accepted).toBe(2);
  expect([tally.connections, tally.openBodies]).toEqual([{ http: 3, websocket: 2 }, 5]);
  expect(['a', 'b', 'c'].map((id) => tally.socketsOf(id))).toEqual([1, 1, 0]);
  expect(await tick()).toBe(said);
  news.noteSocket('a', 1);
  news.noteSocket('b', -1);
  news.noteSocket('c', 1);
  news.noteSocket('c', -1);
  await tick();
  expect(['a', 'b', 'c'].map((id) => tally.socketsOf(id))).toEqual([2, 0, 0]);
  expect(sums.received.http.accepted).toBe(2);
  news.stop();
  expect(clock.pendingTimers).toBe(0);
});

it('what a slow answer can be looked up by is known in the hub too', async () => {
  const { sums, meters, tick } = openNews();
  meters.ackSeconds.observe(0.0005, 1, { traceparent: '', requestId: 'first' });
  await tick();
  meters.ackSeconds.observe(3, 1, { traceparent: '', requestId: 'second' });
  meters.ackSeconds.observe(0.0005);
  await tick();
  const found = sums.ackSeconds.exemplars.flatMap((exemplar) => exemplar?.labels.request_id ?? []);
  expect(found).toEqual(['first', 'second']);
  expect(sums.ackSeconds.count).toBe(3);
});

it('refusals are listed by device, and what need only come again is counted and told of once', async () => {
  const { ring, told, refusals, tick } = openNews();
  for (const deviceId of ['a', 'b', 'a']) refusals.note(BAD, refusedOf(deviceId));
  for (const deviceId of ['c', 'd']) refusals.note(BUSY, refusedOf(deviceId));
  await tick();
  expect(
    ring
      .recent()
      .map(({ deviceId, count, message }) => [deviceId, count, message])
      .sort(),
  ).toEqual([
    ['a', 2, 'not JSON'],
    ['b', 1, 'not JSON'],
  ]);
  expect(ring.counts.get('STATEWAY_OVERLOADED')).toBe(2);
  expect(ring.turnedAway().map(({ count }) => count)).toEqual([2]);
  expect(told).toEqual(['c']);
});

it('a flood of refusals is counted in full, and told of in part', async () => {
  const { ring, refusals, tick } = openNews();
  for (let i = 0; i < 1_000; i++) refusals.note(BAD, refusedOf(`d${i}`));
  const { refusals: kinds } = new RefusalRelay({ isIdle: true }).take();
  expect(kinds).toEqual([]);
  await tick();
  expect(ring.counts.get('STATEWAY_MALFORMED_BODY')).toBe(1_000);
});

it('who is told to come again is told of by name where the log follows devices', async () => {
  const { followed, refusals } = openNews();
  followed.follow(['d']);
  for (const deviceId of ['c', 'd']) refusals.note(BUSY, refusedOf(deviceId));
  expect(refusals.take().refusals.map(({ refused }) => refused.deviceId)).toEqual(['c', 'd']);
});
