import { describe, expect, it } from 'vitest';
import { SILENT_AFTER_MS } from '../../src/forward/lane/last-seen.js';
import { FAILURES_TO_TRIP } from '../../src/forward/schedule/cloud-health.js';
import { ASK_AGAIN_MS } from '../../src/forward/send/outcome.js';
import { answer, deviceOf, Harness, LOST, TIME_ZERO } from './harness.js';

const NOBODY = { wrong_clock: 0, parked: 0, throttled: 0, failing: 0, refused: 0, silent: 0 };
const ONE = deviceOf(1);
const TWO = deviceOf(2);

/** A report that is fresh: one is made a second at most. */
async function reportOf(harness: Harness) {
  await harness.clock.advance(1_000);
  return harness.lanes.devices();
}

describe('one cause for many devices', () => {
  it('is told once, with all that wait for it, and that nothing is delivered', async () => {
    const harness = new Harness({ upstreamToken: 'plant' });
    harness.cloud.respond = () => answer(401);
    for (let n = 1; n <= 20; n++) harness.push(deviceOf(n), n);
    await harness.clock.advance(5_000);
    expect(await reportOf(harness)).toMatchObject({ known: 20, delivering: 0, nothingDelivered: false });
    await harness.clock.advance(10_000);
    expect(await reportOf(harness)).toMatchObject({
      delivering: 0,
      nothingDelivered: true,
      troubled: { ...NOBODY, parked: 20 },
      causes: [
        {
          trouble: 'parked',
          reason: 'the cloud refuses STATEWAY_UPSTREAM_TOKEN (401)',
          devices: 20,
          waitingStates: 210,
          sinceMs: TIME_ZERO,
        },
      ],
    });
    harness.cloud.respond = ({ device }) => answer(device.key === ONE.key ? 200 : 401);
    await harness.clock.advance(ASK_AGAIN_MS);
    expect(await reportOf(harness)).toMatchObject({
      delivering: 1,
      nothingDelivered: false,
      causes: [{ devices: 19, waitingStates: 209 }],
    });
  });

  it('is not that of others', async () => {
    const harness = new Harness();
    harness.cloud.respond = ({ device }) => answer(device.key === ONE.key ? 401 : device.key === TWO.key ? 404 : 200);
    for (let n = 1; n <= 4; n++) harness.push(deviceOf(n));
    await harness.clock.advance(20_000);
    const { delivering, nothingDelivered, causes } = await reportOf(harness);
    expect([delivering, nothingDelivered]).toEqual([2, false]);
    expect(causes.map(({ reason, devices }) => [reason, devices])).toEqual([
      ['the cloud refuses its token (401)', 1],
      ['the cloud knows no such device (404)', 1],
    ]);
  });

  it('is the same where the words differ in the value that offends', async () => {
    const harness = new Harness();
    harness.cloud.respond = ({ values }) => answer(400, undefined, `attribute "v" is ${values[0]}`);
    for (let n = 1; n <= 3; n++) harness.push(deviceOf(n), 3);
    await harness.clock.advance(20_000);
    const { causes, troubled, nothingDelivered } = await reportOf(harness);
    expect([troubled.refused, nothingDelivered]).toEqual([3, true]);
    expect(causes).toMatchObject([
      { trouble: 'refused', reason: expect.stringContaining('attribute "v" is'), devices: 3 },
    ]);
  });
});

describe('that nothing is delivered is not said', () => {
  it('of devices that are only throttled', async () => {
    const harness = new Harness();
    harness.cloud.respond = () => answer(429, 60_000);
    harness.push(ONE);
    await harness.clock.advance(30_000);
    expect(await reportOf(harness)).toMatchObject({
      troubled: { throttled: 1 },
      delivering: 0,
      nothingDelivered: false,
    });
  });

  it('while the cloud is away, nor do devices deliver then', async () => {
    const harness = new Harness();
    harness.push(ONE);
    await harness.clock.advance(1_000);
    harness.cloud.respond = ({ device }) => (device.key === TWO.key ? answer(404) : LOST);
    harness.push(TWO);
    await harness.clock.advance(1_000);
    for (let n = 3; n < 3 + FAILURES_TO_TRIP; n++) harness.push(deviceOf(n));
    await harness.clock.advance(20_000);
    expect(harness.lanes.isCloudUp()).toBe(false);
    expect(await reportOf(harness)).toMatchObject({ troubled: { parked: 1 }, delivering: 0, nothingDelivered: false });
  });

  it('where the others have delivered, and pause', async () => {
    const harness = new Harness();
    harness.push(TWO);
    await harness.clock.advance(SILENT_AFTER_MS);
    harness.cloud.respond = () => answer(401);
    harness.push(ONE);
    await harness.clock.advance(20_000);
    expect(await reportOf(harness)).toMatchObject({
      troubled: { parked: 1, silent: 1 },
      delivering: 0,
      nothingDelivered: false,
    });
  });

  it('of a device of which a single state is held apart, nor is it counted among those in no trouble', async () => {
    const harness = new Harness();
    harness.cloud.respond = ({ values }) => (values.includes(5) ? answer(500) : answer(200));
    harness.cloud.onAsk = () => ({ kind: 'answer', status: 200, message: '', cloudDate: undefined });
    for (let n = 0; n < 60; n++) {
      harness.push(ONE);
      await harness.clock.advance(1_000);
    }
    const { troubled, delivering, nothingDelivered } = await reportOf(harness);
    expect([troubled.failing, delivering, nothingDelivered]).toEqual([1, 0, false]);
  });
});
