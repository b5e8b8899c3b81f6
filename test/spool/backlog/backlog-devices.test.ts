import { beforeEach, expect, it } from 'vitest';
import { BacklogDevices, type DeviceBacklog } from '../../../src/spool/backlog/backlog-devices.js';
import type { PieceRow } from '../../../src/spool/lmdb/rows.js';
import { DEVICE_A, DEVICE_B } from '../contract.js';

let devices: BacklogDevices;

beforeEach(() => {
  devices = new BacklogDevices();
});

function rowOf(row: Partial<PieceRow>): PieceRow {
  return { offset: 0, byteLength: 100, states: 4, settledStates: 0, oldestStoredAtMs: 1_000, pieceChecksum: 0, ...row };
}

function sums() {
  return { bytes: devices.bytes, states: devices.states, oldest: devices.oldestStoredAtMs };
}

const entryOf = (device = DEVICE_A) => devices.get(device.key) as DeviceBacklog;

it('has nothing at first', () => {
  expect(sums()).toEqual({ bytes: 0, states: 0, oldest: undefined });
  expect([...devices.values()]).toEqual([]);
  expect(devices.get(DEVICE_A.key)).toBeUndefined();
});

it('sums pieces for each device and over all, without what is settled of them', () => {
  devices.add(DEVICE_A, 1, rowOf({}));
  devices.add(DEVICE_A, 2, rowOf({ byteLength: 50, settledStates: 1, oldestStoredAtMs: 2_000 }));
  devices.add(DEVICE_B, 3, rowOf({ states: 9, oldestStoredAtMs: 3_000 }));
  expect(sums()).toEqual({ bytes: 250, states: 16, oldest: 1_000 });
  const ofA = { pieces: 2, states: 7, bytes: 150, oldestStoredAtMs: 1_000, lastSequence: 2, isInOrder: true };
  expect(entryOf()).toMatchObject({ device: DEVICE_A, ...ofA, lastOldestStoredAtMs: 2_000 });
  expect(entryOf(DEVICE_B)).toMatchObject({ pieces: 1, states: 9, bytes: 100, lastSequence: 3 });
  expect([...devices.values()].map(({ device }) => device)).toEqual([DEVICE_A, DEVICE_B]);
});

it('knows a device whose pieces do not rise with their ages, and stays with that', () => {
  for (const oldestStoredAtMs of [1_000, 1_000, 2_000]) devices.add(DEVICE_A, 1, rowOf({ oldestStoredAtMs }));
  expect(entryOf().isInOrder).toBe(true);
  devices.add(DEVICE_A, 4, rowOf({ oldestStoredAtMs: 500 }));
  devices.add(DEVICE_A, 5, rowOf({ oldestStoredAtMs: 3_000 }));
  expect(entryOf()).toMatchObject({ isInOrder: false, oldestStoredAtMs: 500, lastOldestStoredAtMs: 3_000 });
  expect(devices.oldestStoredAtMs).toBe(500);
});

it('counts a last piece that has grown by what it has grown', () => {
  devices.add(DEVICE_A, 1, rowOf({}));
  const before = rowOf({ settledStates: 1, oldestStoredAtMs: 2_000 });
  devices.add(DEVICE_A, 2, before);
  const grown = rowOf({ byteLength: 130, states: 6, settledStates: 1, oldestStoredAtMs: 2_000 });
  devices.replaceLast(entryOf(), before, grown);
  expect(sums()).toEqual({ bytes: 230, states: 9, oldest: 1_000 });
  expect(entryOf()).toMatchObject({ pieces: 2, states: 9, bytes: 230, lastSequence: 2 });
});

it('finds the next oldest, whichever device has it, when the one before has moved on', () => {
  devices.add(DEVICE_A, 1, rowOf({}));
  devices.add(DEVICE_B, 2, rowOf({ oldestStoredAtMs: 2_000 }));
  devices.add(DEVICE_A, 3, rowOf({ oldestStoredAtMs: 3_000 }));
  expect(devices.oldestStoredAtMs).toBe(1_000);
  devices.shorten(entryOf(), 1, 100, 4, 3_000);
  expect(entryOf()).toMatchObject({ pieces: 1, states: 4, bytes: 100, oldestStoredAtMs: 3_000 });
  expect(sums()).toEqual({ bytes: 200, states: 8, oldest: 2_000 });
  devices.shorten(entryOf(DEVICE_B), 1, 100, 4, undefined);
  expect(devices.get(DEVICE_B.key)).toBeUndefined();
  expect(sums()).toEqual({ bytes: 100, states: 4, oldest: 3_000 });
  devices.shorten(entryOf(), 1, 100, 4, undefined);
  expect(sums()).toEqual({ bytes: 0, states: 0, oldest: undefined });
});

it('keeps the oldest where only states of its first piece are settled, or another device moves on', () => {
  devices.add(DEVICE_A, 1, rowOf({}));
  devices.add(DEVICE_B, 2, rowOf({ oldestStoredAtMs: 2_000 }));
  devices.shorten(entryOf(), 0, 0, 3, 1_000);
  expect(sums()).toEqual({ bytes: 200, states: 5, oldest: 1_000 });
  devices.shorten(entryOf(DEVICE_B), 1, 100, 4, undefined);
  expect(sums()).toEqual({ bytes: 100, states: 1, oldest: 1_000 });
});

it('knows the oldest again when a device comes while it has to be looked for', () => {
  devices.add(DEVICE_A, 1, rowOf({}));
  devices.add(DEVICE_B, 2, rowOf({ oldestStoredAtMs: 2_000 }));
  devices.shorten(entryOf(), 1, 100, 4, undefined);
  // Older than what comes: nobody has looked yet.
  devices.add(DEVICE_A, 3, rowOf({ oldestStoredAtMs: 5_000 }));
  expect(devices.oldestStoredAtMs).toBe(2_000);
});

it('knows an older state that comes after somebody has looked, of another device or the same', () => {
  devices.add(DEVICE_A, 1, rowOf({ oldestStoredAtMs: 5_000 }));
  expect(devices.oldestStoredAtMs).toBe(5_000);
  devices.add(DEVICE_B, 2, rowOf({ oldestStoredAtMs: 3_000 }));
  expect(devices.oldestStoredAtMs).toBe(3_000);
  devices.add(DEVICE_A, 3, rowOf({ oldestStoredAtMs: 2_000 }));
  expect(devices.oldestStoredAtMs).toBe(2_000);
});
