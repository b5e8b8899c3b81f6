import { describe, expect, it } from 'vitest';
import { answer, DAY_MS, deviceOf, diskError, Harness, REFUSED, TIME_ZERO } from '../harness.js';
import { NotedSpool } from '../noted-spool.js';
import { pieceOf } from '../pieces.js';

const HOUR_MS = 3_600_000;
const RETENTION_MS = 6 * HOUR_MS;
/** The span of a piece, and a sweep. */
const SLACK_MS = RETENTION_MS / 32 + 1_000;
const TEN_YEARS_MS = 3_650 * DAY_MS;
const device = deviceOf(1);
const letters = (harness: Harness) => harness.spool.disk.deadLetters.map(({ timeMs }) => timeMs - TIME_ZERO);

describe('what is older than the retention and cannot be delivered becomes a dead letter', () => {
  it.each([
    ['because no token is good', 'parked', () => answer(401)],
    ['because the whole cloud is down', 'backoff', () => REFUSED],
    ['because the cloud fails for this device', 'backoff', () => answer(500)],
  ])('%s', async (_name, state, respond) => {
    const harness = new Harness({ retentionMs: RETENTION_MS });
    harness.cloud.respond = respond;
    harness.push(device, 2);
    await harness.clock.advance(2 * HOUR_MS);
    harness.push(device, 1, harness.grantOf(device));
    await harness.clock.advance(RETENTION_MS - 2 * HOUR_MS - 60_000);
    expect(letters(harness)).toEqual([]);
    await harness.clock.advance(120_000);
    expect(letters(harness)).toEqual([0, 1]);
    expect(harness.spool.disk.deadLetters[0]).toMatchObject({
      device,
      status: 0,
      reason: `could not be delivered within STATEWAY_RETENTION_MS (${RETENTION_MS} ms)`,
      refusedAtMs: expect.closeTo(TIME_ZERO + RETENTION_MS, -5),
    });
    expect(harness.givenUp).toEqual([{ device: '01', states: 2, status: 0, cause: 'too_old' }]);
    expect(harness.lanes.lanes()[state as 'parked']).toBe(1);
    harness.cloud.respond = () => answer(200);
    harness.lanes.offerGrant(harness.newGrant(device, 'fresh'));
    await harness.clock.advance(60_000);
    expect(harness.cloud.requests.at(-1)?.values).toEqual([2]);
  });

  it('many of them in several settlements', async () => {
    const harness = new Harness({ retentionMs: RETENTION_MS });
    harness.replay(device, 2_500);
    await harness.clock.advance(RETENTION_MS + SLACK_MS);
    expect(letters(harness)).toHaveLength(2_500);
    expect(harness.spool.settlements.every(({ states }) => states <= 1_000)).toBe(true);
    expect(harness.lanes.heldBytes()).toBe(0);
  });

  it('a disk that cannot keep them gives up nothing', async () => {
    const harness = new Harness({ retentionMs: RETENTION_MS });
    harness.replay(device, 3);
    harness.spool.onSettle = async () => {
      throw diskError();
    };
    await harness.clock.advance(RETENTION_MS + HOUR_MS);
    expect(harness.givenUp).toEqual([]);
    expect(harness.lanes.lanes().backoff).toBe(1);
    harness.spool.onSettle = async () => {};
    await harness.clock.advance(60_000);
    expect(letters(harness)).toEqual([0, 1, 2]);
  });
});

describe('what can be delivered is, however old', () => {
  it('a drain is not cut off by a moment of outage', async () => {
    const spool = new NotedSpool();
    for (let n = 0; n < 40; n++) {
      spool.addPiece(device, pieceOf(device, [n], TIME_ZERO - 2 * RETENTION_MS));
    }
    const harness = new Harness({ retentionMs: RETENTION_MS, upstreamToken: 'plant' }, () => 1, spool);
    harness.cloud.respond = (_request, number) => (number % 3 === 2 ? REFUSED : answer(200));
    harness.lanes.takeOver(spool, { backlogs: spool.backlogs() });
    await harness.clock.advance(2 * HOUR_MS);
    expect(letters(harness)).toEqual([]);
    expect(spool.disk.backlogs.size).toBe(0);
  });

  it('a throttled lane delivers', async () => {
    const harness = new Harness({ retentionMs: RETENTION_MS });
    harness.cloud.respond = () => answer(429);
    harness.push(device);
    await harness.clock.advance(2 * RETENTION_MS);
    expect(letters(harness)).toEqual([]);
  });
});

describe('a wall clock that jumps', () => {
  it.each([HOUR_MS, -HOUR_MS, TEN_YEARS_MS, -TEN_YEARS_MS])(
    'by %i ms expires nothing early and nothing late',
    async (jumpMs) => {
      const harness = new Harness({ retentionMs: RETENTION_MS });
      harness.replay(device, 2);
      await harness.clock.advance(2 * HOUR_MS);
      harness.clock.jumpWall(jumpMs);
      await harness.clock.advance(RETENTION_MS - 2 * HOUR_MS - 60_000);
      expect(letters(harness)).toEqual([]);
      await harness.clock.advance(120_000);
      expect(letters(harness)).toEqual([0, 1]);
    },
  );

  it.each([HOUR_MS, -HOUR_MS, TEN_YEARS_MS, -TEN_YEARS_MS])(
    'by %i ms changes nothing for what went to the backlog in between',
    async (jumpMs) => {
      const harness = new Harness({ retentionMs: RETENTION_MS, spillAboveBytes: 1 });
      harness.replay(device, 2);
      await harness.clock.advance(2 * HOUR_MS);
      expect(harness.spool.spills).toHaveLength(1);
      harness.clock.jumpWall(jumpMs);
      await harness.clock.advance(RETENTION_MS - 2 * HOUR_MS - 60_000);
      expect(letters(harness)).toEqual([]);
      await harness.clock.advance(SLACK_MS + 120_000);
      expect(letters(harness)).toEqual([0, 1]);
    },
  );

  it.each([
    ['truly two hours ago', -2 * HOUR_MS, RETENTION_MS - 2 * HOUR_MS],
    ['before a clock of 1970 was set', -20_000 * DAY_MS, RETENTION_MS],
    ['by a clock ten years ahead', TEN_YEARS_MS, RETENTION_MS],
    ['long before the proxy was switched on again', -200 * DAY_MS, HOUR_MS],
  ])('across a restart: what was stored %s has its time', async (_name, offsetMs, expectedMs) => {
    const spool = new NotedSpool();
    spool.addPiece(device, pieceOf(device, [0, 1], TIME_ZERO + offsetMs));
    const harness = new Harness({ retentionMs: RETENTION_MS }, () => 1, spool);
    harness.lanes.takeOver(spool, { backlogs: spool.backlogs() });
    await harness.clock.advance(expectedMs - 60_000);
    expect(letters(harness)).toEqual([]);
    await harness.clock.advance(SLACK_MS + 120_000);
    expect(letters(harness)).toEqual([0, 1]);
    expect(spool.disk.backlogs.size).toBe(0);
  });

  it('across a restart: so has what was left in the journal', async () => {
    const spool = new NotedSpool();
    const harness = new Harness({ retentionMs: RETENTION_MS }, () => 1, spool);
    harness.replay(device, 1, TIME_ZERO - 2 * HOUR_MS);
    harness.replay(device, 1, TIME_ZERO + TEN_YEARS_MS);
    await harness.clock.advance(RETENTION_MS - 2 * HOUR_MS - 60_000);
    expect(letters(harness)).toEqual([]);
    await harness.clock.advance(120_000);
    expect(letters(harness)).toEqual([0]);
    await harness.clock.advance(2 * HOUR_MS);
    expect(letters(harness)).toEqual([0, 1]);
  });
});

it('pieces are given up one by one, as each becomes too old', async () => {
  const spool = new NotedSpool();
  const pieces = [1, 2, 3];
  for (const n of pieces) spool.addPiece(device, pieceOf(device, [n, n], TIME_ZERO - RETENTION_MS + n * 2 * HOUR_MS));
  const harness = new Harness({ retentionMs: RETENTION_MS }, () => 1, spool);
  harness.lanes.takeOver(spool, { backlogs: spool.backlogs() });
  for (const n of pieces) {
    await harness.clock.advance(n * 2 * HOUR_MS - 1_000 - harness.clock.monotonicMs());
    expect(letters(harness)).toHaveLength(2 * (n - 1));
    await harness.clock.advance(1_000 + SLACK_MS);
    expect(letters(harness)).toHaveLength(2 * n);
  }
  expect(spool.settlements).toMatchObject(Array(3).fill({ states: 2, backlog: { finished: true } }));
});

it('a piece waits for its youngest state, which may have come a span after its oldest', async () => {
  const spool = new NotedSpool();
  const minuteMs = 60_000;
  for (const n of [0, 5]) spool.addPiece(device, pieceOf(device, [n], TIME_ZERO - 2 * HOUR_MS + n * minuteMs));
  const harness = new Harness({ retentionMs: RETENTION_MS }, () => 1, spool);
  harness.lanes.takeOver(spool, { backlogs: spool.backlogs() });
  await harness.clock.advance(RETENTION_MS - 2 * HOUR_MS + RETENTION_MS / 32 - 1_000);
  expect(letters(harness)).toEqual([]);
  await harness.clock.advance(2_000);
  expect(letters(harness)).toEqual([0]);
  await harness.clock.advance(5 * minuteMs);
  expect(letters(harness)).toEqual([0, 5]);
});
