import { expect, it } from 'vitest';
import { MAX_HELD_BYTES, SPILL_ABOVE_BYTES } from '../../../src/core/bounds.js';
import type { Device } from '../../../src/core/device.js';
import { MAX_SPILLS, SPILL_AFTER_MS } from '../../../src/forward/schedule/spiller.js';
import { RecordView } from '../../../src/state/record-layout.js';
import { answer, deviceOf, Harness, LOST, REFUSED, range } from '../harness.js';

const KIB = 1024;
const DEVICES = range(0, 200).map(deviceOf);

function pushAll(harness: Harness, states: number, devices: readonly Device[] = DEVICES): void {
  harness.pushShared(devices.map((device) => [device, states, harness.grantOf(device)]));
}

/** Values that a device sent, in order. */
function valuesOf(harness: Harness, device: Device): (number | undefined)[] {
  return harness.cloud.requests.filter((request) => request.device.key === device.key).flatMap(({ values }) => values);
}

it('holds no more than it may during an outage, and delivers everything in order afterwards', async () => {
  const spillAboveBytes = 512 * KIB;
  const harness = new Harness({ spillAboveBytes });
  harness.cloud.respond = () => REFUSED;
  let mostBytes = 0;
  const spilling = new Set<string>();
  let mostSpills = 0;
  harness.spool.onSpill = ({ device }) => {
    if (spilling.has(device.key)) throw new Error('two spills of one lane');
    spilling.add(device.key);
    mostSpills = Math.max(mostSpills, spilling.size);
    return new Promise((resolve) => {
      harness.clock.schedule(3, () => {
        spilling.delete(device.key);
        resolve();
      });
    });
  };
  for (let round = 0; round < 200; round++) {
    pushAll(harness, 5);
    mostBytes = Math.max(mostBytes, harness.lanes.heldBytes());
    await harness.clock.advance(50);
  }
  expect(mostBytes).toBeLessThan(1.2 * spillAboveBytes);
  expect(mostSpills).toBe(MAX_SPILLS);
  expect(harness.spool.spills.every(({ piece }) => piece.byteLength <= 262_144)).toBe(true);
  const spilled = harness.spool.spills.reduce((sum, { piece }) => sum + new RecordView(piece).stateCount, 0);
  expect(spilled).toBeGreaterThan(0.9 * 200_000);
  expect(harness.spool.spills.length).toBeLessThan(spilled / 20);
  harness.cloud.requests.length = 0;
  harness.cloud.respond = () => answer(200);
  await harness.clock.advance(120_000);
  expect(harness.lanes.heldBytes()).toBe(0);
  expect(harness.spool.disk.backlogs.size).toBe(0);
  for (const [index, device] of DEVICES.entries()) {
    const values = valuesOf(harness, device);
    expect(values).toEqual(range(0, 200).flatMap((round) => range(0, 5).map((n) => round * 1_000 + index * 5 + n)));
  }
});

it('makes few large pieces of many small records', async () => {
  const spillAboveBytes = 256 * KIB;
  const harness = new Harness({ spillAboveBytes });
  harness.cloud.respond = () => REFUSED;
  for (let n = 0; n < 5_000; n++) {
    harness.push(DEVICES[n % 10] as Device);
    await harness.clock.advance(2);
  }
  expect(harness.lanes.heldBytes()).toBeLessThan(1.1 * spillAboveBytes);
  const states = harness.spool.spills.map(({ piece }) => new RecordView(piece).stateCount);
  expect(states.length).toBeGreaterThan(0);
  // Unpacked, the limit would be reached with 230 records: 23 a lane.
  expect(states.reduce((a, b) => a + b) / states.length).toBeGreaterThan(50);
});

it('lets go of records that only lanes with a request in flight still need', async () => {
  const spillAboveBytes = 256 * KIB;
  const harness = new Harness({ spillAboveBytes });
  const hanging = DEVICES[0] as Device;
  harness.cloud.respond = ({ device }) =>
    device.key === hanging.key
      ? new Promise((resolve) => harness.clock.schedule(60_000, () => resolve(LOST)))
      : answer(200);
  for (let round = 0; round < 50; round++) {
    pushAll(harness, 3, DEVICES.slice(0, 100));
    await harness.clock.advance(1_000);
  }
  expect(harness.lanes.heldBytes()).toBeLessThan(1.1 * spillAboveBytes);
  expect(harness.spool.spills).toEqual([]);
  harness.cloud.respond = () => answer(200);
  await harness.clock.advance(30_000);
  expect(valuesOf(harness, hanging).slice(3)).toEqual(
    range(0, 50).flatMap((round) => range(0, 3).map((n) => round * 300 + n)),
  );
});

it('does not spill a lane state by state while others hold what is too much', async () => {
  const harness = new Harness({ spillAboveBytes: 64 * KIB });
  const [hanging, parked] = DEVICES as [Device, Device];
  harness.cloud.respond = ({ token }) => (token === 'bad' ? answer(401) : new Promise(() => {}));
  harness.spool.onSpill = () => new Promise((resolve) => harness.clock.schedule(15, resolve));
  harness.push(hanging, 4_000);
  const bad = harness.newGrant(parked, 'bad');
  for (let round = 0; round < 200; round++) {
    harness.push(parked, 1, bad);
    await harness.clock.advance(10);
  }
  expect(harness.lanes.heldBytes()).toBeGreaterThan(64 * KIB);
  expect(harness.spool.spills.length).toBeGreaterThan(5);
  expect(harness.spool.spills.length).toBeLessThan(200 / 8);
});

it('spills first what has no prospect', async () => {
  const harness = new Harness({ spillAboveBytes: 64 * KIB, windowMs: 60_000 });
  const [parked, live] = DEVICES as [Device, Device];
  harness.cloud.respond = ({ token }) => answer(token === 'bad' ? 401 : 200);
  const bad = harness.newGrant(parked, 'bad');
  harness.push(live);
  await harness.clock.advance(0);
  for (let round = 0; round < 14; round++) {
    harness.push(live, 30);
    harness.push(parked, 60, bad);
    await harness.clock.advance(0);
  }
  await harness.clock.advance(100);
  const spilled = new Set(harness.spool.spills.map(({ device }) => device.key));
  expect(spilled).toEqual(new Set([parked.key]));
});

it('leaves alone what will be sent soon, however much it is, until it has waited for long', async () => {
  const harness = new Harness({ spillAboveBytes: 64 * KIB, windowMs: 60_000 });
  const [live] = DEVICES as [Device];
  harness.push(live);
  await harness.clock.advance(0);
  for (let round = 0; round < 200; round++) {
    harness.push(live, 30);
    await harness.clock.advance(10);
  }
  expect(harness.lanes.heldBytes()).toBeGreaterThan(6 * 64 * KIB);
  expect(harness.spool.spills).toEqual([]);
  await harness.clock.advance(SPILL_AFTER_MS + 1_000);
  harness.push(live);
  await harness.clock.advance(100);
  expect(harness.lanes.heldBytes()).toBeLessThan(64 * KIB);
  expect(harness.spool.spills.length).toBeGreaterThan(0);
  await harness.clock.advance(120_000);
  expect(valuesOf(harness, live)).toEqual(range(0, 6_002));
});

it('begins to spill long before new states are refused', () => {
  expect(SPILL_ABOVE_BYTES).toBeLessThanOrEqual(MAX_HELD_BYTES / 2);
});

it('a device that was parked for a while holds none of the records that it shares', async () => {
  const harness = new Harness();
  const [parked] = DEVICES as [Device];
  harness.cloud.respond = ({ token }) => answer(token === 'bad' ? 401 : 200);
  const bad = harness.newGrant(parked, 'bad');
  const finished = new Map<number, number>();
  const note = (sequences: readonly number[]) => {
    for (const sequence of sequences) finished.set(sequence, (finished.get(sequence) ?? 0) + 1);
  };
  for (let second = 0; second < 120; second++) {
    harness.pushShared(DEVICES.slice(0, 10).map((device, n) => [device, 1, n === 0 ? bad : harness.grantOf(device)]));
    await harness.clock.advance(1_000);
  }
  for (const { finishedSequences } of [...harness.spool.settlements, ...harness.spool.spills]) note(finishedSequences);
  const trimmed = [...finished.values()].filter((chunks) => chunks === 10).length;
  expect(trimmed).toBeGreaterThanOrEqual(120 - 8);
  expect(harness.lanes.lanes().parked).toBe(1);
});
