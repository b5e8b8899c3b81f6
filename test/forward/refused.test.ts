import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ASK_AGAIN_MS, MISSING_FOR_MS } from '../../src/forward/send/outcome.js';
import { answer, DAY_MS, deviceOf, diskError, Harness, range, type SentRequest, TIME_ZERO } from './harness.js';

const device = deviceOf(1);

/** Refuses each body that holds one of the values. */
function refusing(status: number, ...bad: number[]) {
  return ({ values }: SentRequest) =>
    answer(values.some((v) => bad.includes(v as number)) ? status : 200, undefined, 'attribute "v" is too bad');
}

/** The dead letters' values, in order. */
function lettersOf(harness: Harness): number[] {
  return harness.spool.disk.deadLetters.map(({ fragment }) => {
    return (JSON.parse(`{${Buffer.from(fragment).toString()}`) as { data: { v: number } }).data.v;
  });
}

function deliveredOf(harness: Harness): (number | undefined)[] {
  const bad = new Set(lettersOf(harness));
  const settled: number[] = [];
  for (const { values } of harness.cloud.requests) {
    for (const v of values) if (!bad.has(v as number) && !settled.includes(v as number)) settled.push(v as number);
  }
  return settled;
}

describe.each([400, 422])('%i', (status) => {
  it('is bisected: the refused state becomes a dead letter, all others are delivered', async () => {
    const harness = new Harness();
    harness.cloud.respond = refusing(status, 13);
    harness.push(device, 20);
    await harness.clock.advance(14_000);
    expect(harness.spool.disk.deadLetters).toEqual([
      {
        device,
        timeMs: TIME_ZERO + 13,
        fragment: new TextEncoder().encode('"data":{"v":13}}'),
        status,
        reason: 'attribute "v" is too bad',
        refusedAtMs: expect.any(Number),
      },
    ]);
    const refusedAtMs = harness.spool.disk.deadLetters[0]?.refusedAtMs as number;
    expect(refusedAtMs).toBeGreaterThan(TIME_ZERO);
    expect(refusedAtMs).toBeLessThanOrEqual(TIME_ZERO + 14_000);
    expect(harness.meters.forwarded).toBe(19);
    expect(harness.givenUp).toEqual([{ device: '01', states: 1, status, cause: 'refused' }]);
    expect(harness.lanes.heldBytes()).toBe(0);
    expect(harness.cloud.requests.at(-1)?.values).toEqual(range(14, 20));
  });
});

it('one bad state among n costs at most 2 log2(n) + 1 requests', async () => {
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.nat(299), async (states, at) => {
    const harness = new Harness({ windowMs: 0, rateLimit: { requests: 1_000, windowMs: 15_000 } });
    harness.cloud.respond = refusing(400, at % states);
    harness.push(device, states);
    await harness.clock.advance(100);
    expect(lettersOf(harness)).toEqual([at % states]);
    expect(deliveredOf(harness)).toEqual(range(0, states).filter((v) => v !== at % states));
    expect(harness.cloud.requests.length).toBeLessThanOrEqual(2 * Math.log2(states) + 1);
  });
  await fc.assert(property, {
    numRuns: 100,
    examples: [
      [1, 0],
      [2, 0],
      [2, 1],
      [3, 2],
      [256, 255],
    ],
  });
});

it('finds every one of several bad states', async () => {
  const harness = new Harness({ windowMs: 0, rateLimit: { requests: 1_000, windowMs: 15_000 } });
  harness.cloud.respond = refusing(422, 0, 7, 8, 63);
  harness.push(device, 64);
  await harness.clock.advance(1_000);
  expect(lettersOf(harness)).toEqual([0, 7, 8, 63]);
  expect(harness.meters.forwarded).toBe(60);
});

it('a refused state is kept and settled in one; when that fails it is tried again, not sent again', async () => {
  const harness = new Harness();
  harness.cloud.respond = refusing(400, 0);
  let failures = 2;
  harness.spool.onSettle = async () => {
    if (failures-- > 0) throw diskError();
  };
  harness.push(device);
  await harness.clock.advance(0);
  expect(harness.givenUp).toEqual([]);
  await harness.clock.advance(60_000);
  expect(harness.cloud.requests).toHaveLength(1);
  expect(harness.spool.settlements).toMatchObject([
    { states: 1, finishedSequences: [1], deadLetters: [{ status: 400 }] },
  ]);
  expect(harness.givenUp).toHaveLength(1);
});

it('says that the cloud gave no reason, and cuts a long one', async () => {
  const harness = new Harness();
  harness.cloud.respond = ({ values }) => answer(400, undefined, values[0] === 0 ? '' : 'x'.repeat(5_000));
  for (let n = 0; n < 2; n++) {
    harness.push(device);
    await harness.clock.advance(1_000);
  }
  expect(harness.spool.disk.deadLetters.map(({ reason }) => reason)).toEqual([
    'the cloud answered 400',
    'x'.repeat(1_000),
  ]);
});

it('a single state that the cloud finds too large becomes a dead letter', async () => {
  const harness = new Harness();
  harness.cloud.respond = ({ values }) => answer(values.includes(1) ? 413 : 200);
  harness.push(device, 3);
  await harness.clock.advance(5_000);
  expect(harness.cloud.requests.map((request) => request.values)).toEqual([[0, 1, 2], [0], [1], [2]]);
  expect(harness.spool.disk.deadLetters).toMatchObject([{ timeMs: TIME_ZERO + 1, status: 413 }]);
});

describe('404', () => {
  const missing = () => answer(404, undefined, 'no such device');

  it('for 24 hours: the states that have waited so long become dead letters, the younger wait on', async () => {
    const harness = new Harness();
    harness.cloud.respond = missing;
    harness.push(device, 3);
    await harness.clock.advance(MISSING_FOR_MS / 2);
    harness.push(device, 2);
    await harness.clock.advance(MISSING_FOR_MS / 2 - 1);
    expect(lettersOf(harness)).toEqual([]);
    await harness.clock.advance(ASK_AGAIN_MS + 1);
    expect(lettersOf(harness)).toEqual([0, 1, 2]);
    expect(harness.spool.disk.deadLetters).toMatchObject(Array(3).fill({ status: 404, reason: 'no such device' }));
    expect(harness.lanes.lanes().parked).toBe(1);
    harness.cloud.respond = () => answer(200);
    await harness.clock.advance(ASK_AGAIN_MS);
    expect(harness.cloud.requests.at(-1)?.values).toEqual([3, 4]);
  });

  it('is no reason to give up what is old when the device was there in between', async () => {
    const harness = new Harness();
    harness.cloud.respond = missing;
    harness.push(device, 3);
    await harness.clock.advance(MISSING_FOR_MS - ASK_AGAIN_MS);
    harness.cloud.respond = () => answer(429);
    await harness.clock.advance(ASK_AGAIN_MS);
    harness.cloud.respond = missing;
    await harness.clock.advance(MISSING_FOR_MS - ASK_AGAIN_MS);
    expect(harness.lanes.lanes().parked).toBe(1);
    expect(lettersOf(harness)).toEqual([]);
  });

  it('after days of outage is no reason to give up at once', async () => {
    const harness = new Harness();
    harness.cloud.respond = () => answer(503);
    harness.push(device, 3);
    await harness.clock.advance(3 * DAY_MS);
    harness.cloud.respond = missing;
    await harness.clock.advance(60_000);
    expect(harness.lanes.lanes().parked).toBe(1);
    expect(lettersOf(harness)).toEqual([]);
  });
});
