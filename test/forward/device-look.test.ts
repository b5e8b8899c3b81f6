import { expect, it } from 'vitest';
import { MOST_WATCHED, WATCHED_FOR_MS } from '../../src/forward/device-look.js';
import { answer, deviceOf, Harness, TIME_ZERO } from './harness.js';

const ONE = deviceOf(1);
const TWO = deviceOf(2);

it('says of a device what waits, since when, and what is the matter with it', async () => {
  const harness = new Harness();
  harness.cloud.respond = () => answer(401);
  await harness.clock.advance(5_000);
  harness.push(ONE, 3);
  await harness.clock.advance(2_000);
  const { look } = harness.lanes;
  expect(look.find(ONE.deviceId)).toBe(ONE);
  expect(look.of(ONE)).toEqual({
    device: ONE,
    waitingStates: 3,
    waitingBytes: expect.any(Number),
    sinceMs: 5_000,
    heardMs: 5_000,
    troubles: [expect.objectContaining({ trouble: 'parked', reason: 'the cloud refuses its token (401)' })],
  });
  expect(look.of(ONE).waitingBytes).toBeGreaterThan(30);
  expect(look.of(ONE).troubles).toEqual(harness.lanes.devices().listed);
});

it('knows a device that has nothing waiting any more, and nothing of one that was never heard of', async () => {
  const harness = new Harness();
  harness.push(ONE);
  await harness.clock.advance(60_000);
  const { look } = harness.lanes;
  expect(harness.lanes.size).toBe(0);
  expect(look.find(ONE.deviceId)?.key).toBe(ONE.key);
  expect([...look.all()].map(({ key }) => key)).toEqual([ONE.key]);
  expect(look.of(ONE)).toMatchObject({ waitingStates: 0, sinceMs: undefined, heardMs: 0, troubles: [] });
  expect(look.find(TWO.deviceId)).toBeUndefined();
  expect(look.of(TWO)).toMatchObject({ waitingStates: 0, sinceMs: undefined, heardMs: undefined, troubles: [] });
});

it('keeps no state until it is asked for, then the last one', async () => {
  const harness = new Harness();
  const textOf = (state: { readonly fragment: Uint8Array } | undefined) =>
    state && Buffer.from(state.fragment).toString();
  harness.push(ONE);
  await harness.clock.advance(10_000);
  const ask = () => harness.lanes.look.lastStateOf(ONE);
  expect(ask()).toBeUndefined();
  harness.push(TWO);
  expect(ask()).toBeUndefined();
  harness.push(ONE, 2);
  await harness.clock.advance(10_000);
  const state = ask();
  expect(textOf(state)).toMatch(/^"data":\{"v":\d+\}\}$/);
  expect(state?.timeMs).toBeGreaterThanOrEqual(TIME_ZERO);
  // Nobody has asked for a while: it is forgotten as others send.
  await harness.clock.advance(WATCHED_FOR_MS);
  harness.push(TWO);
  await harness.clock.advance(10_000);
  expect(ask()).toBeUndefined();
});

it('shows at once what still waits, and watches a few devices only', async () => {
  const harness = new Harness();
  harness.cloud.respond = () => answer(401);
  harness.push(ONE);
  await harness.clock.advance(1_000);
  expect(harness.lanes.look.lastStateOf(ONE)).toBeDefined();
  harness.cloud.respond = () => answer(200);
  for (let n = 2; n < 2 + MOST_WATCHED; n++) harness.lanes.look.lastStateOf(deviceOf(n));
  harness.lanes.offerGrant(harness.newGrant(ONE, 'another'));
  await harness.clock.advance(60_000);
  expect(harness.lanes.look.lastStateOf(ONE)).toBeUndefined();
});
