import { describe, expect, it } from 'vitest';
import type { TroubledDevice } from '../../src/core/device-report.js';
import { SILENT_AFTER_MS } from '../../src/forward/lane/last-seen.js';
import { FAILURES_TO_TRIP } from '../../src/forward/schedule/cloud-health.js';
import { ASK_AGAIN_MS } from '../../src/forward/send/outcome.js';
import { MAX_LISTED } from '../../src/forward/trouble-list.js';
import { answer, deviceOf, Harness, LOST, TIME_ZERO } from './harness.js';

const NOBODY = { wrong_clock: 0, parked: 0, throttled: 0, failing: 0, refused: 0, silent: 0 };
const ALL_WELL = { nothingDelivered: false, troubled: NOBODY, causes: [], listed: [] };
const ONE = deviceOf(1);
const TWO = deviceOf(2);

/** A report that is fresh: one is made a second at most. */
async function reportOf(harness: Harness) {
  await harness.clock.advance(1_000);
  return harness.lanes.devices();
}

function linesOf(listed: readonly TroubledDevice[]): string[] {
  return listed.map(({ device, trouble, reason }) => `${device.deviceId.slice(-2)} ${trouble}: ${reason}`);
}

it('devices that deliver are known, and in no trouble', async () => {
  const harness = new Harness();
  harness.push(ONE);
  expect(await reportOf(harness)).toEqual({ ...ALL_WELL, known: 1, delivering: 1 });
});

describe('a device is listed with the reason', () => {
  it('when the cloud refuses its token, until it delivers with another', async () => {
    const harness = new Harness();
    harness.cloud.respond = () => answer(401);
    harness.push(ONE, 3);
    const { troubled, listed } = await reportOf(harness);
    expect(troubled).toEqual({ ...NOBODY, parked: 1 });
    expect(listed).toEqual([
      {
        device: ONE,
        trouble: 'parked',
        reason: 'the cloud refuses its token (401)',
        sinceMs: TIME_ZERO,
        nextTryMs: undefined,
        waitingStates: 3,
      },
    ]);
    expect(harness.parked).toEqual(['01: the cloud refuses its token (401)']);
    harness.cloud.respond = () => answer(200);
    harness.lanes.offerGrant(harness.newGrant(ONE, 'another'));
    expect((await reportOf(harness)).listed).toEqual([]);
    expect(harness.unparked).toEqual(['01: 1000']);
  });

  it('when the cloud does not know it: since when, and when it is asked again', async () => {
    const harness = new Harness();
    harness.cloud.respond = () => answer(404);
    harness.push(ONE);
    await harness.clock.advance(ASK_AGAIN_MS);
    const { listed } = await reportOf(harness);
    expect(harness.cloud.requests).toHaveLength(2);
    expect(listed).toMatchObject([
      {
        trouble: 'parked',
        reason: 'the cloud knows no such device (404)',
        sinceMs: TIME_ZERO,
        nextTryMs: TIME_ZERO + 2 * ASK_AGAIN_MS,
      },
    ]);
  });

  it('that it is parked for, also when it cannot be asked again', async () => {
    const harness = new Harness();
    harness.cloud.respond = (_request, number) => (number === 0 ? answer(404) : LOST);
    harness.push(ONE);
    await harness.clock.advance(ASK_AGAIN_MS);
    expect(harness.cloud.requests).toHaveLength(2);
    const expected = { trouble: 'parked', reason: 'the cloud knows no such device (404)', sinceMs: TIME_ZERO };
    expect((await reportOf(harness)).listed).toMatchObject([expected]);
    harness.cloud.respond = () => answer(200);
    await harness.clock.advance(2_000);
    expect((await reportOf(harness)).troubled).toEqual(NOBODY);
  });

  it('of now: with another token, what the first was refused for is over', async () => {
    const harness = new Harness();
    harness.cloud.respond = (_request, number) => answer(number === 0 ? 401 : 500);
    harness.push(ONE);
    await harness.clock.advance(1_000);
    harness.lanes.offerGrant(harness.newGrant(ONE, 'another'));
    expect((await reportOf(harness)).troubled).toEqual({ ...NOBODY, failing: 1 });
  });

  it('when what a run before left waits for a token, and the log is not told of it', async () => {
    const harness = new Harness();
    harness.replay(ONE, 2);
    const { listed } = await reportOf(harness);
    expect(linesOf(listed)).toEqual([
      '01 parked: no good token of it is known here; it goes on when the device shows one',
    ]);
    expect(harness.parked).toEqual([]);
  });

  it('when the cloud limits its requests, and no longer when it takes one', async () => {
    const harness = new Harness();
    harness.cloud.respond = (_request, number) => answer(number === 0 ? 429 : 200);
    harness.push(ONE);
    expect(linesOf((await reportOf(harness)).listed)).toEqual(['01 throttled: the cloud limits its requests (429)']);
    await harness.clock.advance(20_000);
    expect((await reportOf(harness)).listed).toEqual([]);
    expect(harness.unparked).toEqual([]);
  });

  it('when the cloud fails for it alone, in the words of the cloud', async () => {
    const harness = new Harness();
    harness.cloud.respond = ({ device }) => (device === ONE ? answer(500, undefined, 'oh <b>no</b>') : answer(200));
    harness.push(ONE);
    harness.push(TWO);
    expect(linesOf((await reportOf(harness)).listed)).toEqual(['01 failing: the cloud fails for it: oh <b>no</b>']);
  });

  it('when a state of it is refused, it is not: the others go on', async () => {
    const harness = new Harness();
    harness.cloud.respond = (_request, number) => answer(number === 0 ? 429 : 400);
    harness.push(ONE);
    await harness.clock.advance(16_000);
    harness.push(ONE);
    expect(harness.lanes.devices().listed).toEqual([]);
  });
});

it('an outage of the whole cloud is no trouble of the devices, and parked ones stay parked', async () => {
  const harness = new Harness();
  harness.cloud.respond = () => answer(404);
  harness.push(ONE);
  await harness.clock.advance(0);
  harness.cloud.respond = () => LOST;
  for (let n = 2; n < 2 + FAILURES_TO_TRIP; n++) harness.push(deviceOf(n));
  expect((await reportOf(harness)).troubled).toEqual({ ...NOBODY, parked: 1 });
  expect(harness.lanes.isCloudUp()).toBe(false);
  await harness.clock.advance(ASK_AGAIN_MS);
  expect((await reportOf(harness)).listed).toMatchObject([{ trouble: 'parked', nextTryMs: undefined }]);
  harness.cloud.respond = ({ device }) => answer(device === ONE ? 404 : 200);
  await harness.clock.advance(60_000);
  expect(harness.lanes.isCloudUp()).toBe(true);
  expect((await reportOf(harness)).troubled).toEqual({ ...NOBODY, parked: 1 });
});

describe('silent devices', () => {
  it('are listed when nothing came for long, with or without a lane, and not when they are back', async () => {
    const harness = new Harness();
    harness.push(ONE);
    await harness.clock.advance(SILENT_AFTER_MS - 1);
    expect((await reportOf(harness)).listed).toMatchObject([{ device: ONE, trouble: 'silent', sinceMs: TIME_ZERO }]);
    expect(harness.lanes.lanes()).toEqual({ idle: 0, pacing: 0, backoff: 0, parked: 0 });
    harness.push(ONE);
    expect(await reportOf(harness)).toEqual({ ...ALL_WELL, known: 1, delivering: 1 });
  });

  it('are listed with what waits of them', async () => {
    const harness = new Harness();
    harness.cloud.respond = () => LOST;
    for (let n = 1; n <= FAILURES_TO_TRIP; n++) harness.push(deviceOf(n), n);
    await harness.clock.advance(SILENT_AFTER_MS);
    const { listed } = await reportOf(harness);
    expect(listed.map(({ trouble, waitingStates }) => [trouble, waitingStates])).toEqual(
      Array.from({ length: FAILURES_TO_TRIP }, (_, i) => ['silent', i + 1]),
    );
  });
});

describe('a device with a wrong clock', () => {
  it('is listed with the last of its times and their number, first, and beside another trouble of it', async () => {
    const harness = new Harness();
    harness.cloud.respond = () => answer(401);
    harness.push(ONE, 2);
    await harness.clock.advance(1_000);
    harness.deviceClocks.noteIgnored(ONE, { states: 2, lastTimeMs: 12_000, isRightAgain: false });
    const { troubled, listed } = await reportOf(harness);
    expect(troubled).toEqual({ ...NOBODY, wrong_clock: 1, parked: 1 });
    expect(listed).toMatchObject([
      {
        device: ONE,
        trouble: 'wrong_clock',
        reason: 'its states have times over 30 days past or over a day ahead, and the cloud ignores such states',
        sinceMs: TIME_ZERO + 1_000,
        waitingStates: 2,
        wrongClock: { lastTimeMs: 12_000, states: 2 },
      },
      { device: ONE, trouble: 'parked' },
    ]);
    harness.deviceClocks.noteKept(ONE.key);
    await harness.clock.advance(1_000);
    expect((await reportOf(harness)).troubled).toEqual({ ...NOBODY, parked: 1 });
  });
});

it('a long list is cut, and the counts say how many there are', async () => {
  const harness = new Harness();
  harness.cloud.respond = () => answer(401);
  for (let n = 0; n < MAX_LISTED + 5; n++) harness.push(deviceOf(n));
  const { troubled, listed } = await reportOf(harness);
  expect([troubled.parked, listed.length]).toEqual([MAX_LISTED + 5, MAX_LISTED]);
});

it('a report is made once a second at most', async () => {
  const harness = new Harness();
  const first = harness.lanes.devices();
  await harness.clock.advance(999);
  expect(harness.lanes.devices()).toBe(first);
  await harness.clock.advance(1);
  expect(harness.lanes.devices()).not.toBe(first);
});

it('no device is failing before the cloud has answered, nor while it does not', async () => {
  const harness = new Harness();
  harness.doesCloudAnswer = false;
  harness.cloud.respond = () => LOST;
  harness.push(ONE);
  expect(await reportOf(harness)).toMatchObject({ known: 1, troubled: NOBODY, causes: [], listed: [] });
  expect(harness.lanes.isCloudUp()).toBe(true);
  harness.doesCloudAnswer = true;
  expect((await reportOf(harness)).troubled).toEqual({ ...NOBODY, failing: 1 });
});
