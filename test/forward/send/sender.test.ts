import { describe, expect, it } from 'vitest';
import { MAX_UNRECORDED_SENDS } from '../../../src/forward/lane/lane.js';
import { ASK_AGAIN_MS, MAX_RETRY_AFTER_MS } from '../../../src/forward/send/outcome.js';
import { answer, deviceOf, diskError, Harness, LOST, REFUSED, range } from '../harness.js';

const device = deviceOf(1);

describe('429', () => {
  it('waits as long as the cloud says, then sends the same again', async () => {
    const harness = new Harness();
    harness.cloud.respond = (_request, number) => answer(number === 0 ? 429 : 200, 7_000);
    harness.push(device, 2);
    await harness.clock.advance(6_999);
    expect(harness.lanes.lanes().backoff).toBe(1);
    await harness.clock.advance(1);
    expect(harness.cloud.sentAtMs).toEqual([0, 7_000]);
    expect(harness.cloud.requests[1]?.values).toEqual([0, 1]);
  });

  it.each([
    ['without Retry-After a whole rate window', undefined, 15_000],
    ['with a Retry-After of nothing no less than the coalescing window', 0, 500],
    ['with an absurd Retry-After an hour', 1e12, MAX_RETRY_AFTER_MS],
  ])('waits %s', async (_name, retryAfterMs, expectedMs) => {
    const harness = new Harness();
    harness.cloud.respond = (_request, number) => answer(number === 0 ? 429 : 200, retryAfterMs);
    harness.push(device);
    await harness.clock.advance(expectedMs);
    expect(harness.cloud.sentAtMs).toEqual([0, expectedMs]);
  });
});

describe('5xx, failures and anything else', () => {
  it.each([500, 503, 302, 405, 418, 199])('%i: exponential back-off to a cap of 15 s', async (status) => {
    const harness = new Harness();
    harness.cloud.respond = () => answer(status);
    harness.push(device);
    await harness.clock.advance(60_000);
    expect(harness.cloud.sentAtMs).toEqual([0, 1, 3, 7, 15, 30, 45, 60].map((seconds) => seconds * 1_000));
    harness.cloud.respond = () => answer(200);
    harness.spool.settlements.length = 0;
    await harness.clock.advance(15_000);
    expect(harness.spool.settlements).toHaveLength(1);
  });

  it('starts over after a success', async () => {
    const harness = new Harness();
    harness.cloud.respond = (_request, number) => [REFUSED, REFUSED, answer(200), REFUSED, answer(200)][number] ?? LOST;
    harness.push(device);
    await harness.clock.advance(3_500);
    harness.push(device);
    await harness.clock.advance(1_000);
    expect(harness.cloud.sentAtMs).toEqual([0, 1_000, 3_000, 3_500, 4_500]);
  });

  it('draws half of each step, so that lanes do not come back together', async () => {
    const draws = [0, 0.5, 1];
    const harness = new Harness({}, () => draws.shift() ?? 1);
    harness.cloud.respond = () => REFUSED;
    harness.push(device);
    await harness.clock.advance(500 + 1_500 + 4_000);
    expect(harness.cloud.sentAtMs).toEqual([0, 500, 2_000, 6_000]);
  });

  it('a request that may still arrive counts for the rate, one that never left does not', async () => {
    const rateLimit = { requests: 2, windowMs: 15_000 };
    const [unsent, lost] = [new Harness({ rateLimit }), new Harness({ rateLimit })];
    unsent.cloud.respond = () => REFUSED;
    lost.cloud.respond = () => LOST;
    for (const harness of [unsent, lost]) {
      harness.push(device);
      await harness.clock.advance(20_000);
    }
    expect(unsent.cloud.sentAtMs).toEqual([0, 1_000, 3_000, 7_000, 15_000]);
    expect(lost.cloud.sentAtMs).toEqual([0, 1_000]);
  });
});

describe('401 and 403', () => {
  it.each([
    [401, 'STATEWAY_TOKEN_REFUSED'],
    [403, 'STATEWAY_NOT_GRANTED'],
  ])('%i ends the grant and parks the lane until another is offered', async (status, code) => {
    const harness = new Harness();
    const bad = harness.grantOf(device);
    harness.cloud.respond = ({ token }) => answer(token === bad.token ? status : 200);
    harness.push(device, 2);
    await harness.clock.advance(0);
    expect(bad.endedBy?.code).toBe(code);
    expect(bad.endedBy?.message).not.toContain(bad.token);
    await harness.clock.advance(24 * 3_600_000);
    expect(harness.cloud.requests).toHaveLength(1);
    expect(harness.lanes.lanes().parked).toBe(1);
    harness.lanes.offerGrant(bad);
    harness.lanes.offerGrant(harness.newGrant(deviceOf(2), 'of another device'));
    await harness.clock.advance(0);
    expect(harness.cloud.requests).toHaveLength(1);
    harness.lanes.offerGrant(harness.newGrant(device, 'fresh'));
    await harness.clock.advance(0);
    expect(harness.cloud.requests[1]).toMatchObject({ token: 'fresh', values: [0, 1] });
  });

  it('a chunk that arrives with another grant serves as well', async () => {
    const harness = new Harness();
    harness.cloud.respond = ({ token }) => answer(token === 'fresh' ? 200 : 401);
    harness.push(device);
    await harness.clock.advance(1_000);
    harness.push(device, 1, harness.newGrant(device, 'fresh'));
    await harness.clock.advance(0);
    expect(harness.cloud.requests.map((request) => request.token)).toEqual(['token-01', 'fresh']);
    expect(harness.cloud.requests[1]?.values).toEqual([0, 1]);
  });

  it('falls back to an older grant that is still good', async () => {
    const harness = new Harness();
    harness.cloud.respond = ({ token }) => answer(token === 'newest' ? 401 : 200);
    harness.push(device, 1, harness.newGrant(device, 'older'));
    harness.push(device, 1, harness.newGrant(device, 'newest'));
    await harness.clock.advance(1_000);
    expect(harness.cloud.requests.map(({ token, values }) => [token, values])).toEqual([
      ['older', [0]],
      ['newest', [1]],
      ['older', [1]],
    ]);
  });

  it('leaves a token that is over by the clock to the last, and then has the cloud decide', async () => {
    const harness = new Harness();
    harness.push(device);
    await harness.clock.advance(1);
    harness.push(device, 1, harness.newGrant(device, 'short', harness.clock.wallMs() + 100));
    await harness.clock.advance(1_000);
    expect(harness.cloud.requests.map((request) => request.token)).toEqual(['token-01', 'token-01']);
    const other = deviceOf(2);
    harness.cloud.respond = ({ token }) => answer(token === 'over' ? 401 : 200);
    const grant = harness.newGrant(other, 'over', harness.clock.wallMs() - 1);
    harness.push(other, 1, grant);
    await harness.clock.advance(10_000);
    expect(harness.cloud.requests.map((request) => request.token)).toEqual(['token-01', 'token-01', 'over']);
    expect(grant.endedBy).toMatchObject({ code: 'STATEWAY_TOKEN_REFUSED' });
    expect(harness.lanes.lanes().parked).toBe(1);
  });

  it('with a token of the proxy itself ends no grant and asks again every 5 minutes', async () => {
    const harness = new Harness({ upstreamToken: 'plant' });
    harness.cloud.respond = () => answer(401);
    harness.push(device);
    await harness.clock.advance(ASK_AGAIN_MS);
    expect(harness.grantOf(device).endedBy).toBeUndefined();
    expect(harness.cloud.requests.map(({ token, atMs }) => [token, atMs])).toEqual([
      ['plant', 0],
      ['plant', ASK_AGAIN_MS],
    ]);
    expect(harness.parked).toEqual(['01: the cloud refuses STATEWAY_UPSTREAM_TOKEN (401)']);
  });
});

describe('404', () => {
  it('parks the lane, asks again every 5 minutes, loses nothing and reports once', async () => {
    const harness = new Harness();
    harness.cloud.respond = () => answer(404);
    harness.push(device);
    await harness.clock.advance(2 * ASK_AGAIN_MS);
    expect(harness.cloud.sentAtMs).toEqual([0, ASK_AGAIN_MS, 2 * ASK_AGAIN_MS]);
    expect(harness.parked).toEqual(['01: the cloud knows no such device (404)']);
    harness.cloud.respond = () => answer(200);
    harness.push(device);
    await harness.clock.advance(ASK_AGAIN_MS);
    expect(harness.spool.settlements.map((settlement) => settlement.states)).toEqual([2]);
  });

  it('is asked again at once when the device was granted anew', async () => {
    const harness = new Harness();
    harness.cloud.respond = ({ token }) => answer(token === 'fresh' ? 200 : 404);
    harness.push(device);
    await harness.clock.advance(1_000);
    harness.lanes.offerGrant(harness.newGrant(device, 'fresh'));
    await harness.clock.advance(0);
    expect(harness.cloud.sentAtMs).toEqual([0, 1_000]);
  });
});

describe('413', () => {
  it('halves the body until it fits and keeps to that until it has caught up', async () => {
    const harness = new Harness();
    harness.cloud.respond = ({ states }) => answer(states.length > 3 ? 413 : 200);
    harness.push(device, 20);
    await harness.clock.advance(14_000);
    expect(harness.cloud.requests.map((request) => request.states.length)).toEqual([20, 10, 5, ...Array(10).fill(2)]);
    expect(harness.cloud.values.slice(-20)).toEqual(range(0, 20));
    harness.push(device, 3);
    await harness.clock.advance(500);
    expect(harness.cloud.requests.at(-1)?.values).toEqual([20, 21, 22]);
  });
});

describe('settling', () => {
  it('names watermark, finished records, states and sends', async () => {
    const harness = new Harness({ maxBodyBytes: 200 });
    harness.push(device, 3);
    harness.push(device, 3);
    await harness.clock.advance(2_000);
    expect(harness.cloud.requests.map((request) => request.states.length)).toEqual([3, 3]);
    harness.push(device, 6);
    await harness.clock.advance(2_000);
    expect(harness.cloud.requests.map((request) => request.states.length)).toEqual([3, 3, 5, 1]);
    expect(harness.spool.settlements).toMatchObject([
      { device, watermark: { sequence: 2, states: 0 }, finishedSequences: [1], states: 3, sends: { count: 1 } },
      { device, watermark: { sequence: 3, states: 0 }, finishedSequences: [2], states: 3, sends: { count: 2 } },
      { device, watermark: { sequence: 3, states: 5 }, finishedSequences: [], states: 5, sends: { count: 3 } },
      { device, watermark: { sequence: 4, states: 0 }, finishedSequences: [3], states: 1, sends: { count: 4 } },
    ]);
  });

  it('after some requests that settled nothing their number is written down before the next', async () => {
    const harness = new Harness();
    let onDisk: () => void = () => {};
    harness.spool.onSettle = () => new Promise((resolve) => (onDisk = resolve));
    harness.cloud.respond = ({ states }) => answer(states.length > 1 ? 413 : 200);
    harness.push(device, 1_024);
    await harness.clock.advance(14_000);
    expect(harness.cloud.requests).toHaveLength(MAX_UNRECORDED_SENDS);
    onDisk();
    await harness.clock.advance(0);
    expect(harness.spool.settlements).toMatchObject([
      {
        device,
        watermark: { sequence: 1, states: 0 },
        finishedSequences: [],
        states: 0,
        sends: { count: MAX_UNRECORDED_SENDS },
      },
    ]);
    expect(harness.cloud.requests).toHaveLength(MAX_UNRECORDED_SENDS + 1);
  });

  it('is on disk before the next request', async () => {
    const harness = new Harness();
    let written: () => void = () => {};
    harness.spool.onSettle = () => new Promise((resolve) => (written = resolve));
    harness.push(device);
    await harness.clock.advance(0);
    harness.push(device);
    await harness.clock.advance(60_000);
    expect(harness.cloud.requests).toHaveLength(1);
    written();
    await harness.clock.advance(0);
    expect(harness.cloud.requests).toHaveLength(2);
  });

  it('is tried again after a disk error, without sending again', async () => {
    const harness = new Harness();
    let failures = 3;
    harness.spool.onSettle = async () => {
      if (failures-- > 0) throw diskError();
    };
    harness.push(device);
    await harness.clock.advance(0);
    expect(harness.lanes.lanes().backoff).toBe(1);
    harness.push(device);
    await harness.clock.advance(6_999);
    expect(harness.cloud.requests).toHaveLength(1);
    await harness.clock.advance(1);
    expect(harness.cloud.requests.map((request) => request.values)).toEqual([[0], [1]]);
    expect(harness.spool.settlements.map((settlement) => settlement.finishedSequences)).toEqual([[1], [2]]);
  });
});
