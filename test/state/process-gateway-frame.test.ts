import { describe, expect, it } from 'vitest';
import type { BatchResult } from '../../src/state/batch-layout.js';
import { processBatch } from '../../src/state/process-batch.js';
import { batchOf, deviceNumber, statesByDevice, type TestEntry } from './batch.js';
import { pack } from './pack.js';

const id = (number: number): string => deviceNumber(number).deviceId;

function processFrame(frame: unknown, devices: readonly number[], more: Partial<TestEntry> = {}): BatchResult {
  return processBatch(
    batchOf([{ body: JSON.stringify(frame), devices, namesDevices: true, ...more }], { slotCount: 16 }),
  );
}

describe('processBatch, gateway frames', () => {
  it('gives each device its states in order, without the id', () => {
    const frame = [
      { deviceId: id(11), data: { n: 1 } },
      { data: { n: 2 }, deviceId: id(3), meta: { deviceId: 'kept' } },
      { deviceId: id(11).toUpperCase(), data: { n: 3 }, flowVersion: 'v' },
    ];
    const expected = [
      [11, ['{"data":{"n":1}}', '{"data":{"n":3},"flowVersion":"v"}']],
      [3, ['{"data":{"n":2},"meta":{"deviceId":"kept"}}']],
    ];
    for (const result of [
      processFrame(frame, [3, 11]),
      processFrame(frame, [11, 3], { body: pack(frame), msgpack: true }),
    ]) {
      expect(result.refusals).toEqual([]);
      expect([...statesByDevice(result)].map(([device, states]) => [device, states.map(({ json }) => json)])).toEqual(
        expected,
      );
      expect([...result.chunkSlots]).toEqual([11, 3]);
      expect([...result.stateCounts]).toEqual([3]);
    }
    expect([...statesByDevice(processFrame(frame[0], [11])).keys()]).toEqual([11]);
  });

  it('refuses the whole frame for one device that is not among its own, though another frame has it', () => {
    const entries: TestEntry[] = [
      {
        body: JSON.stringify([
          { deviceId: id(1), data: {} },
          { deviceId: id(2), data: {} },
        ]),
        devices: [1],
        namesDevices: true,
      },
      { body: JSON.stringify({ deviceId: id(2), data: {} }), devices: [2], namesDevices: true },
      { body: '{"data":{}}', devices: [1] },
    ];
    const result = processBatch(batchOf(entries));
    expect(result.refusals).toEqual([
      {
        entry: 0,
        code: 'STATEWAY_NOT_GRANTED',
        message: `[1].deviceId: the token may not send state for device ${id(2)}`,
      },
    ]);
    expect([...statesByDevice(result)].map(([device, states]) => [device, states.length])).toEqual([
      [2, 1],
      [1, 1],
    ]);
  });

  it.each([
    [[{ data: {} }], /^\[0\]\.deviceId: must be 24 hexadecimal digits/],
    [{ deviceId: 'x', data: {} }, /^deviceId: must be 24 hexadecimal digits/],
    [[{ deviceId: id(1), data: { t: null } }], /^\[0\]\.data\.t: a value must/],
    [[{ deviceId: id(1), data: {}, x: 1 }], /^\[0\]: property "x"/],
  ])('refuses %j', (frame, message) => {
    expect(processFrame(frame, [1]).refusals).toEqual([
      { entry: 0, code: 'STATEWAY_INVALID_STATE', message: expect.stringMatching(message) },
    ]);
  });
});
