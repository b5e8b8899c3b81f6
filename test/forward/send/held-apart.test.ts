import { describe, expect, it } from 'vitest';
import type { SendResult } from '../../../src/core/cloud-port.js';
import { MAX_PASSED_STATES } from '../../../src/forward/lane/culprit.js';
import { TRIES_AFTER_MS } from '../../../src/forward/send/held-apart.js';
import { answer, deviceOf, Harness, LOST, REFUSED, range, type SentRequest } from '../harness.js';

const device = deviceOf(1);
const RESET: SendResult = {
  kind: 'failure',
  mayArriveLater: true,
  reason: 'reset',
  openMs: 0,
  words: 'socket hang up',
};
const CAN_BE_ASKED = { kind: 'answer', status: 200, message: '', cloudDate: undefined } as const;

/** Fails for each body that holds one of the values. */
function failingFor(failure: SendResult, ...bad: number[]) {
  return ({ values }: SentRequest) => (values.some((v) => bad.includes(v as number)) ? failure : answer(200));
}

/** A device that sends a state a second, to a cloud that can be asked. */
function trickling(respond: (request: SentRequest) => SendResult): {
  harness: Harness;
  run: (seconds: number) => Promise<void>;
} {
  const harness = new Harness();
  harness.known.add(device.key);
  harness.cloud.respond = respond;
  harness.cloud.onAsk = () => CAN_BE_ASKED;
  const run = async (seconds: number): Promise<void> => {
    for (let n = 0; n < seconds; n++) {
      harness.push(device);
      await harness.clock.advance(1_000);
    }
  };
  return { harness, run };
}

/** Values that the cloud took, as it took them. */
function takenBy(harness: Harness, isTaken: (request: SentRequest) => boolean): number[] {
  return harness.cloud.requests.filter(isTaken).flatMap(({ values }) => values as number[]);
}

function heldOf(harness: Harness): number[] {
  return [...harness.spool.deadLetters()]
    .filter(({ isHeldApart }) => isHeldApart)
    .map(({ fragment }) => JSON.parse(`{${Buffer.from(fragment).toString()}`).data.v);
}

describe.each([
  ['answers 500', answer(500, undefined, 'a script has failed')],
  ['answers 503 without a word', answer(503)],
  ['cuts the connection', RESET],
])('a state for which the cloud %s', (_name, failure) => {
  it('is held apart within a minute, and what came after it is delivered in order', async () => {
    const { harness, run } = trickling(failingFor(failure, 5));
    await run(60);
    await harness.clock.advance(2_000);
    expect(heldOf(harness)).toEqual([5]);
    const taken = takenBy(harness, ({ values }) => !values.includes(5));
    expect(taken).toEqual(range(0, 60).filter((v) => v !== 5));
    expect(harness.meters.forwarded).toBe(59);
    expect(harness.spool.faults).toEqual([]);
  });
});

it.each([
  ['two', [5, 6]],
  ['three', [5, 6, 7]],
  ['two and a third one further on', [5, 6, 8]],
  ['as many as are passed by at most', range(5, 5 + MAX_PASSED_STATES)],
])('%s that stand together are held apart, and the rest is delivered in order', async (_name, bad) => {
  const { harness, run } = trickling(failingFor(answer(500), ...bad));
  await run(300);
  await harness.clock.advance(20_000);
  expect(heldOf(harness)).toEqual(bad);
  const taken = takenBy(harness, ({ values }) => !values.some((v) => bad.includes(v as number)));
  expect(taken).toEqual(range(0, 300).filter((v) => !bad.includes(v)));
  expect(harness.spool.faults).toEqual([]);
});

it('more of them together than are passed by leave nothing out, as if all of the device failed', async () => {
  const bad = range(5, 6 + MAX_PASSED_STATES);
  const { harness, run } = trickling(failingFor(answer(500), ...bad));
  await run(300);
  expect(heldOf(harness)).toEqual([]);
  harness.cloud.respond = () => answer(200);
  await harness.clock.advance(30_000);
  expect(harness.meters.forwarded).toBe(300);
});

it('stands among many: it is found by halving', async () => {
  const { harness } = trickling(failingFor(answer(500), 77));
  harness.push(device, 200);
  await harness.clock.advance(60_000);
  expect(heldOf(harness)).toEqual([77]);
  expect(harness.meters.forwarded).toBe(199);
  expect(harness.cloud.requests.length).toBeLessThan(30);
});

it('is told with the reason and the next try, and is tried ever more rarely until the cloud takes it', async () => {
  const { harness, run } = trickling(failingFor(answer(500, undefined, 'a script has failed'), 5));
  await run(60);
  const { troubled, listed } = harness.lanes.devices();
  expect(troubled.failing).toBe(1);
  expect(listed[0]).toMatchObject({
    device,
    trouble: 'failing',
    reason: expect.stringMatching(/^one of its states is held apart: .*a script has failed/),
  });
  expect(listed[0]?.nextTryMs).toBeGreaterThan(harness.clock.wallMs());
  harness.cloud.requests.length = 0;
  await harness.clock.advance(4 * 3_600_000);
  const tries = harness.cloud.sentAtMs;
  expect(harness.cloud.requests.every(({ values }) => values.length === 1 && values[0] === 5)).toBe(true);
  expect(tries.slice(1).map((ms, i) => Math.round((ms - (tries[i] as number)) / 60_000))).toEqual([10, 20, 40, 60, 60]);
  harness.cloud.respond = () => answer(200);
  await harness.clock.advance(TRIES_AFTER_MS.at(-1) as number);
  expect([...harness.spool.deadLetters()]).toEqual([]);
  expect(harness.meters.forwarded).toBe(60);
  expect(harness.lanes.devices().troubled.failing).toBe(0);
  harness.cloud.requests.length = 0;
  await harness.clock.advance(3 * 3_600_000);
  expect(harness.cloud.requests).toEqual([]);
});

it('survives a restart, and is tried though its device stays away', async () => {
  const { harness, run } = trickling(failingFor(answer(500), 5));
  await run(60);
  await harness.lanes.close(1_000);
  const next = new Harness({}, () => 1, harness.spool);
  next.known.add(device.key);
  next.lanes.takeOver(next.spool, { backlogs: [] });
  await next.clock.advance(20_000);
  expect(next.offered).toEqual([device]);
  expect(next.cloud.values).toEqual([5]);
  expect([...next.spool.deadLetters()]).toEqual([]);
});

it('that the cloud refuses in the end is a dead letter with its answer', async () => {
  const { harness, run } = trickling(failingFor(answer(500), 5));
  await run(60);
  harness.cloud.respond = () => answer(400, undefined, 'too large a number');
  await harness.clock.advance(600_000);
  expect([...harness.spool.deadLetters()]).toMatchObject([{ status: 400, reason: 'too large a number' }]);
  expect(heldOf(harness)).toEqual([]);
});

it('that an operator has put back is not tried beside', async () => {
  const { harness, run } = trickling(failingFor(answer(500), 5));
  await run(60);
  harness.spool.disk.lifted.add(1);
  harness.cloud.requests.length = 0;
  await harness.clock.advance(3_600_000);
  expect(harness.cloud.requests).toEqual([]);
  expect(harness.lanes.devices().troubled.failing).toBe(0);
});

it('is tried in vain at no cost to the states of its device', async () => {
  const { harness, run } = trickling(failingFor(answer(500), 5));
  await run(60);
  harness.cloud.requests.length = 0;
  await run(700);
  const own = harness.cloud.requests.filter(({ values }) => !values.includes(5));
  expect(own.flatMap(({ values }) => values)).toEqual(range(60, 760));
  for (const { atMs, states } of own) {
    const firstPushedMs = states[0]?.data.v as number;
    expect(atMs - firstPushedMs * 1_000).toBeLessThan(2_000);
  }
});

describe('is nothing held apart', () => {
  it.each([
    ['while the cloud fails for all and cannot be asked', answer(503), undefined],
    ['while the cloud fails for every state of the device', answer(500), CAN_BE_ASKED],
    ['while nothing reaches the cloud', REFUSED, CAN_BE_ASKED],
  ])('%s; then all arrive in order', async (_name, failure, asked) => {
    let isIll = true;
    const { harness, run } = trickling(() => (isIll ? failure : answer(200)));
    if (asked === undefined) harness.cloud.onAsk = () => ({ kind: 'failure', reason: 'status', words: '503' });
    await run(600);
    isIll = false;
    harness.cloud.requests.length = 0;
    await run(60);
    await harness.clock.advance(20_000);
    expect(heldOf(harness)).toEqual([]);
    expect(harness.cloud.values).toEqual(range(0, 660));
  });

  it('of a cloud that answers too late: it may have what it did not say a word of', async () => {
    const harness = new Harness();
    let left = 4;
    harness.cloud.respond = () => (left-- > 0 ? LOST : answer(200));
    harness.push(device, 20);
    await harness.clock.advance(120_000);
    expect(harness.cloud.requests.map(({ values }) => values.length)).toEqual([20, 20, 20, 20, 20]);
  });
});

it('needs no question while other devices are served', async () => {
  const { harness, run } = trickling(failingFor(answer(500), 10));
  const other = deviceOf(2);
  for (let n = 0; n < 30; n++) {
    harness.push(other);
    await run(2);
  }
  await run(10);
  expect(heldOf(harness).length).toBe(1);
  expect(harness.cloud.asked).toBe(0);
});
