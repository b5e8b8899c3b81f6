import { describe, expect, it } from 'vitest';
import type { SendResult } from '../../../src/core/cloud-port.js';
import type { ProofResult } from '../../../src/core/ports.js';
import { PROOF_WAITS_MS } from '../../../src/forward/lane/proofs.js';
import { answer, deviceOf, Harness, mostInWindow, REFUSED, range } from '../harness.js';

const device = deviceOf(1);
const TOKEN = 'to be proven';

/** Has a token show that it may send, with one state of its own where nothing waits. */
function prove(harness: Harness, of = device, token = TOKEN, isServed = false): Promise<ProofResult> {
  const bytes = Buffer.from(JSON.stringify([harness.nextState()]));
  return harness.lanes.prove(of, token, { bytes, states: 1 }, isServed);
}

const later = (afterMs: number): ProofResult => ({ result: { kind: 'later', afterMs }, isOfBody: false });
const ofBody = (result: SendResult): ProofResult => ({ result, isOfBody: true });
const ofLane = (result: SendResult): ProofResult => ({ result, isOfBody: false });

/** Has answers wait until they are given, in order. */
function answerByHand(harness: Harness): (result: SendResult) => void {
  const waiting: ((result: SendResult) => void)[] = [];
  harness.cloud.respond = () => new Promise((resolve) => waiting.push(resolve));
  return (result) => waiting.shift()?.(result);
}

describe('where nothing waits, the body itself is the proof', () => {
  it('goes out at once with its own token, and is counted among the requests', async () => {
    const harness = new Harness();
    expect(await prove(harness)).toEqual(ofBody(answer(200)));
    expect(harness.cloud.requests).toMatchObject([{ device, token: TOKEN, values: [0] }]);
    expect([...harness.meters.upstreamRequests]).toEqual([['200', 1]]);
    expect(harness.meters.forwarded).toBe(0);
  });

  it.each([400, 401, 403, 404, 413, 422, 500])(
    'a %i is told as it is, and the device has no trouble of it',
    async (status) => {
      const harness = new Harness();
      harness.cloud.respond = () => answer(status);
      expect(await prove(harness)).toEqual(ofBody(answer(status)));
      harness.cloud.respond = () => answer(200);
      harness.push(device);
      await harness.clock.advance(1_000);
      expect(harness.cloud.requests).toHaveLength(2);
      expect(harness.parked).toEqual([]);
    },
  );

  it('what comes meanwhile goes behind it', async () => {
    const harness = new Harness();
    const give = answerByHand(harness);
    const proving = prove(harness);
    harness.push(device);
    await harness.clock.advance(2_000);
    expect(harness.cloud.values).toEqual([0]);
    give(answer(200));
    await proving;
    await harness.clock.advance(500);
    expect(harness.cloud.values).toEqual([0, 1]);
    expect(harness.cloud.mostInFlight).toBe(1);
  });
});

describe('where states wait, those that are next are the proof', () => {
  /** A device with one state delivered and three waiting for the window, under a token that is good. */
  async function waiting(options: ConstructorParameters<typeof Harness>[0] = {}): Promise<Harness> {
    const harness = new Harness(options);
    harness.push(device);
    await harness.clock.advance(0);
    for (const _ of range(0, 3)) harness.push(device);
    expect(harness.cloud.values).toEqual([0]);
    return harness;
  }

  it('they go at once, whatever the window, and the body is to be stored behind them', async () => {
    const harness = await waiting();
    expect(await prove(harness)).toEqual(ofLane(answer(200)));
    expect(harness.cloud.requests.map(({ token, values }) => [token, values])).toEqual([
      ['token-01', [0]],
      [TOKEN, [1, 2, 3]],
    ]);
    await harness.clock.advance(20_000);
    expect(harness.cloud.requests).toHaveLength(2);
    expect(harness.meters.forwarded).toBe(4);
    expect(harness.lanes.heldBytes()).toBe(0);
  });

  it.each([401, 403, 404])('a %i is for that token alone: the states go with the good one', async (status) => {
    const harness = await waiting();
    harness.cloud.respond = ({ token }) => answer(token === TOKEN ? status : 200);
    expect(await prove(harness)).toEqual(ofLane(answer(status)));
    expect(harness.grantOf(device).endedBy).toBeUndefined();
    await harness.clock.advance(500);
    expect(harness.cloud.requests.map(({ token, values }) => [token, values])).toEqual([
      ['token-01', [0]],
      [TOKEN, [1, 2, 3]],
      ['token-01', [1, 2, 3]],
    ]);
    expect(harness.parked).toEqual([]);
  });

  it('a lane that is parked for want of a good token is proven by its own head, and stays parked where that fails', async () => {
    const harness = await waiting();
    harness.cloud.respond = () => answer(403);
    await harness.clock.advance(500);
    expect(harness.lanes.lanes().parked).toBe(1);
    expect(await prove(harness)).toEqual(ofLane(answer(403)));
    expect(harness.lanes.lanes().parked).toBe(1);
    harness.cloud.respond = () => answer(200);
    expect(await prove(harness)).toEqual(ofLane(answer(200)));
    harness.lanes.offerGrant(harness.newGrant(device, TOKEN));
    await harness.clock.advance(500);
    expect(harness.cloud.values.slice(-3)).toEqual([1, 2, 3]);
    expect(harness.lanes.lanes().parked).toBe(0);
    expect(harness.unparked).toHaveLength(1);
  });

  it('goes with the token to be proven where every device sends with one of the plant', async () => {
    const harness = await waiting({ upstreamToken: 'of the plant' });
    await prove(harness);
    expect(harness.cloud.requests.map(({ token }) => token)).toEqual(['of the plant', TOKEN]);
  });

  it('a fault with a state says nothing of the token: the states are searched, and what is next decides', async () => {
    const harness = await waiting();
    harness.cloud.respond = ({ values }) => answer(values.includes(2) ? 422 : 200);
    expect(await prove(harness)).toEqual(ofLane(answer(200)));
    await harness.clock.advance(10_000);
    expect(harness.cloud.requests.filter(({ values }) => !values.includes(2)).flatMap(({ values }) => values)).toEqual([
      0, 1, 3,
    ]);
    expect(harness.givenUp).toEqual([{ device: '01', states: 1, status: 422, cause: 'refused' }]);
  });

  it('what is too large for the cloud is halved, and the half decides', async () => {
    const harness = await waiting();
    harness.cloud.respond = ({ values }) => answer(values.length > 1 ? 413 : 200);
    expect(await prove(harness)).toEqual(ofLane(answer(200)));
    await harness.clock.advance(10_000);
    expect(harness.cloud.values.filter((value) => value !== undefined).slice(-2)).toEqual([2, 3]);
  });

  it('a cloud that fails is told of, and the lane waits as ever', async () => {
    const harness = await waiting();
    harness.cloud.respond = () => answer(500);
    expect(await prove(harness)).toEqual(ofLane(answer(500)));
    await harness.clock.advance(0);
    expect(harness.lanes.lanes().backoff).toBe(1);
  });

  it('waits for a request of the lane, which may leave nothing to wait for', async () => {
    const harness = new Harness();
    const give = answerByHand(harness);
    harness.push(device);
    await harness.clock.advance(0);
    const proving = prove(harness);
    await harness.clock.advance(100);
    expect(harness.cloud.requests).toHaveLength(1);
    give(answer(200));
    await harness.clock.advance(0);
    give(answer(200));
    expect(await proving).toEqual(ofBody(answer(200)));
    expect(harness.cloud.values).toEqual([0, 1]);
    expect(harness.cloud.mostInFlight).toBe(1);
  });

  it('goes before the next request of a lane that has much to send', async () => {
    const harness = new Harness({ maxBodyBytes: 200 });
    const give = answerByHand(harness);
    harness.push(device, 40);
    await harness.clock.advance(0);
    const proving = prove(harness);
    give(answer(200));
    await harness.clock.advance(0);
    give(answer(200));
    expect(await proving).toEqual(ofLane(answer(200)));
    await harness.clock.advance(500);
    expect(harness.cloud.requests.map(({ token }) => token).slice(0, 3)).toEqual(['token-01', TOKEN, 'token-01']);
    expect(harness.cloud.values).toEqual(range(0, harness.cloud.values.length));
  });
});

describe('the limits', () => {
  it('count it in the pacing of the lane, and the lane in its: never more than the limit in any window', async () => {
    const harness = new Harness({ windowMs: 0 });
    const outcomes: Promise<ProofResult>[] = [];
    for (let second = 0; second < 60; second++) {
      harness.push(device);
      await harness.clock.advance(0);
      for (const n of range(0, 3)) outcomes.push(prove(harness, device, `${TOKEN} ${n}`));
      await harness.clock.advance(1_000);
    }
    await harness.clock.advance(PROOF_WAITS_MS);
    expect(mostInWindow(harness.cloud.sentAtMs, 15_000)).toBe(30);
    const kinds = (await Promise.all(outcomes)).map(({ result }) => result.kind);
    expect(kinds).toContain('later');
    expect(kinds.filter((kind) => kind === 'answer').length).toBeGreaterThan(30);
  });

  it('are told of at once where they will not let it begin in time, and waited for where they will', async () => {
    const harness = new Harness({ rateLimit: { requests: 2, windowMs: 15_000 } });
    await prove(harness);
    await harness.clock.advance(5_000);
    await prove(harness);
    expect(await prove(harness)).toEqual(later(10_025));
    await harness.clock.advance(10_025 - PROOF_WAITS_MS + 1);
    const proving = prove(harness);
    await harness.clock.advance(PROOF_WAITS_MS - 2);
    expect(harness.cloud.requests).toHaveLength(2);
    await harness.clock.advance(1);
    expect(await proving).toEqual(ofBody(answer(200)));
  });

  it('of time: what cannot begin while a request is under way is to come again, and leaves nothing behind', async () => {
    const harness = new Harness();
    const give = answerByHand(harness);
    harness.push(device);
    await harness.clock.advance(0);
    const proving = prove(harness);
    await harness.clock.advance(PROOF_WAITS_MS);
    expect(await proving).toEqual(later(1_000));
    give(answer(200));
    await harness.clock.advance(30_000);
    expect(harness.cloud.values).toEqual([0]);
    expect(harness.clock.pendingTimers).toBe(0);
  });

  it('of number: a few of a device at one time', async () => {
    const harness = new Harness();
    answerByHand(harness);
    harness.push(device);
    await harness.clock.advance(0);
    const proving = range(0, 9).map((n) => prove(harness, device, `${TOKEN} ${n}`));
    expect(await proving[8]).toEqual(later(1_000));
  });

  it('of the cloud: heeds a 429 that the lane was given, and gives its own to the lane', async () => {
    const harness = new Harness();
    harness.cloud.respond = () => answer(429, 7_000);
    harness.push(device);
    await harness.clock.advance(0);
    expect(await prove(harness)).toEqual(later(7_000));
    harness.cloud.respond = () => answer(200);
    await harness.clock.advance(7_500);
    harness.cloud.respond = () => answer(429, 3_000);
    await prove(harness);
    harness.cloud.respond = () => answer(200);
    const sentBefore = harness.cloud.requests.length;
    harness.push(device);
    await harness.clock.advance(2_999);
    expect(harness.cloud.requests).toHaveLength(sentBefore);
    await harness.clock.advance(1);
    expect(harness.cloud.requests).toHaveLength(sentBefore + 1);
  });
});

it('while the cloud is down is the probe, or nothing: and brings it back where nothing else is sent', async () => {
  const harness = new Harness();
  harness.cloud.respond = () => REFUSED;
  for (const n of range(0, 5)) await prove(harness, deviceOf(n));
  expect(harness.lanes.isCloudUp()).toBe(false);
  expect((await prove(harness)).result).toMatchObject({ kind: 'failure', mayArriveLater: false });
  expect(harness.cloud.requests).toHaveLength(5);
  await harness.clock.advance(1_000);
  harness.cloud.respond = () => answer(200);
  expect(await prove(harness)).toEqual(ofBody(answer(200)));
  expect(harness.lanes.isCloudUp()).toBe(true);
});

it('leaves no lane behind when its request counts no more, and sends nothing while the proxy stops', async () => {
  const harness = new Harness();
  await prove(harness);
  await harness.clock.advance(15_025);
  expect(harness.lanes.lanes()).toEqual({ idle: 0, pacing: 0, backoff: 0, parked: 0 });
  await harness.lanes.close(1_000);
  expect((await prove(harness)).result).toMatchObject({ kind: 'failure' });
  expect(harness.cloud.requests).toHaveLength(1);
  expect(harness.clock.pendingTimers).toBe(0);
});

it('that waits when the proxy is stopped is told so', async () => {
  const harness = new Harness();
  answerByHand(harness);
  harness.push(device);
  await harness.clock.advance(0);
  const proving = prove(harness);
  const closing = harness.lanes.close(1_000);
  await harness.clock.advance(1_000);
  await closing;
  expect((await proving).result).toMatchObject({ kind: 'failure' });
  expect(harness.clock.pendingTimers).toBe(0);
});
