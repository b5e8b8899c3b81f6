import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import type { OutOfWindow } from '../../src/core/time/cloud-window.js';
import { processBatch } from '../../src/state/process-batch.js';
import { UNSTAMPED } from '../../src/state/record-layout.js';
import { singleBody } from '../../src/state/single-body.js';
import { ARRIVAL_MS, batchOf, deviceNumber, processOne, statesByDevice, statesOfOne, type TestEntry } from './batch.js';

const packr = new Packr({ useRecords: false });
const DAY_MS = 86_400_000;
const OLD_MS = ARRIVAL_MS - 31 * DAY_MS;
const AHEAD_MS = ARRIVAL_MS + 2 * DAY_MS;
const BY_ARRIVAL = ARRIVAL_MS + UNSTAMPED;

const old = { data: { n: 1 }, time: OLD_MS };
const good = { data: { n: 2 }, time: ARRIVAL_MS - 5 };

/** A body as each way has it: plain JSON, JSON that is not plain, MessagePack, and a frame that names the device. */
const WAYS: readonly (readonly [name: string, entryOf: (states: readonly object[]) => TestEntry])[] = [
  ['plain JSON', (states) => ({ body: JSON.stringify(states) })],
  ['JSON with meta', (states) => ({ body: JSON.stringify(states.map((state) => ({ ...state, meta: { a: 1 } }))) })],
  ['MessagePack', (states) => ({ body: packr.pack(states), msgpack: true })],
  [
    'a frame of a gateway',
    (states) => {
      const { deviceId } = deviceNumber(0);
      return { body: JSON.stringify(states.map((state) => ({ ...state, deviceId }))), namesDevices: true };
    },
  ],
];

function withRule(outOfWindow: OutOfWindow) {
  return { outOfWindow };
}

describe.each(WAYS)('times that the cloud does not keep, in %s', (_name, entryOf) => {
  it('are forwarded and counted, unless told otherwise', () => {
    const result = processOne(entryOf([good, old, { ...old, time: AHEAD_MS }]));
    expect(statesOfOne(result).map(({ time }) => time)).toEqual([good.time, OLD_MS, AHEAD_MS]);
    expect(result.ignoredTimes).toEqual([{ slot: 0, states: 2, lastTimeMs: AHEAD_MS, isRightAgain: false }]);
  });

  it('are replaced by that of arrival with `arrival`, and stand in meta', () => {
    const result = processOne(entryOf([good, old]), withRule('arrival'));
    const states = statesOfOne(result) as { time: number; state: { data: object; meta?: object } }[];
    expect(states.map(({ time }) => time)).toEqual([good.time, BY_ARRIVAL]);
    expect(states[1]?.state).toMatchObject({ data: { n: 1 }, meta: { deviceTime: OLD_MS } });
    expect(states[0]?.state.meta ?? {}).not.toHaveProperty('deviceTime');
    expect(result.ignoredTimes).toEqual([{ slot: 0, states: 1, lastTimeMs: OLD_MS, isRightAgain: false }]);
  });

  it('are refused with `refuse`, and the whole body with them, by a message that names the time and what is allowed', () => {
    const result = processOne(entryOf([good, old, good]), withRule('refuse'));
    expect(result.record).toBeUndefined();
    expect(result.refusals).toEqual([
      {
        entry: 0,
        code: 'STATEWAY_TIME_OUT_OF_WINDOW',
        message:
          '[1].time: 2025-12-01T12:00:00.000Z is a time that the cloud does not keep; allowed is from ' +
          '2025-12-02T12:00:00.000Z to 2026-01-02T12:00:00.000Z. Set the clock of the device right, or send no time',
      },
    ]);
    expect(result.ignoredTimes).toEqual([{ slot: 0, states: 1, lastTimeMs: OLD_MS, isRightAgain: false }]);
  });

  it.each(['forward', 'arrival', 'refuse'] as const)('are none of these: with %s nothing is made of them', (rule) => {
    const edges = [-5, ARRIVAL_MS - 30 * DAY_MS, ARRIVAL_MS + DAY_MS, new Date(ARRIVAL_MS).toISOString()];
    const result = processOne(entryOf([{ data: {} }, ...edges.map((time) => ({ data: {}, time }))]), withRule(rule));
    expect([...result.stateCounts]).toEqual([5]);
    expect(result.ignoredTimes).toEqual([]);
  });
});

describe('a device is right again', () => {
  it.each(['forward', 'arrival', 'refuse'] as const)('by a good state after it in the batch, with %s', (rule) => {
    const entries = [
      { body: JSON.stringify(old), devices: [0] },
      { body: JSON.stringify(old), devices: [1] },
      { body: JSON.stringify(good), devices: [0] },
    ];
    const { ignoredTimes } = processBatch(batchOf(entries, withRule(rule)));
    expect(ignoredTimes.map(({ slot, isRightAgain }) => [slot, isRightAgain])).toEqual([
      [0, true],
      [1, false],
    ]);
  });

  it('not by one before it', () => {
    const entries = [{ body: JSON.stringify(good) }, { body: JSON.stringify(old) }];
    expect(processBatch(batchOf(entries)).ignoredTimes).toMatchObject([{ isRightAgain: false }]);
  });
});

describe('bodies beside one with such times', () => {
  it.each(['arrival', 'refuse'] as const)('are taken as ever with %s', (rule) => {
    const entries = [1, 2, 3].map((n) => ({ body: JSON.stringify({ data: { n }, time: n === 2 ? 12 : good.time }) }));
    const result = processBatch(batchOf(entries, withRule(rule)));
    const kept = (statesByDevice(result).get(0) ?? []).map(({ json }) => (JSON.parse(json) as typeof old).data.n);
    expect(kept).toEqual(rule === 'arrival' ? [1, 2, 3] : [1, 3]);
    expect([...result.stateCounts]).toEqual(rule === 'arrival' ? [1, 1, 1] : [1, 0, 1]);
  });
});

describe("the device's time in meta", () => {
  const metaOf = (state: object, maxStateBytes = 262_144) => {
    const result = processOne({ body: JSON.stringify(state) }, { ...withRule('arrival'), maxStateBytes });
    return statesOfOne(result).map(({ state }) => (state as { meta?: unknown }).meta)[0];
  };

  it.each([
    [12, undefined, { deviceTime: 12 }],
    ['1970-01-01T00:00:12Z', undefined, { deviceTime: '1970-01-01T00:00:12Z' }],
    [12, { line: 3 }, { line: 3, deviceTime: 12 }],
    [12, { deviceTime: 'its own' }, { deviceTime: 12, meta: { deviceTime: 'its own' } }],
    [12, [1], { deviceTime: 12, meta: [1] }],
    [12, null, { deviceTime: 12, meta: null }],
  ])('%j stands beside %j', (time, meta, expected) => {
    expect(metaOf({ data: { n: 1 }, time, ...(meta === undefined ? {} : { meta }) })).toEqual(expected);
  });

  it('is left out where the state would not fit a request with it', () => {
    const bytes = Buffer.byteLength(`[{"time":${ARRIVAL_MS},"data":{"n":1}}]`);
    expect(metaOf({ data: { n: 1 }, time: 12 }, bytes)).toBeUndefined();
  });
});

describe('a first state that is sent at once', () => {
  const rulesFor = (outOfWindow: OutOfWindow, arrivalMs = ARRIVAL_MS) => ({
    arrivalMs,
    stampsFor: (_own: ReadonlySet<number>, count: number) => Array.from({ length: count }, (_, i) => arrivalMs + i),
    isClockCredible: true,
    times: { earliestMs: ARRIVAL_MS - 30 * DAY_MS, latestMs: ARRIVAL_MS + DAY_MS, outOfWindow },
    maxBodyBytes: 1_000,
  });
  const bodyOf = (rule: OutOfWindow, states: unknown) => {
    const { bytes, ignoredTimes } = singleBody('json', Buffer.from(JSON.stringify(states)), rulesFor(rule));
    return { states: JSON.parse(Buffer.from(bytes).toString()) as unknown, ignoredTimes };
  };
  const ignoredTimes = { states: 1, lastTimeMs: OLD_MS, isRightAgain: false };

  it('is treated by the same rules', () => {
    expect(bodyOf('forward', [good, old])).toEqual({ states: [good, old], ignoredTimes });
    const stamped = { data: old.data, time: ARRIVAL_MS, meta: { deviceTime: OLD_MS } };
    expect(bodyOf('arrival', [good, old])).toEqual({ states: [good, stamped], ignoredTimes });
    expect(() => bodyOf('refuse', [good, old])).toThrow(/^\[1\]\.time: 2025-12-01T12:00:00\.000Z is a time/);
    expect(() => bodyOf('refuse', old)).toThrow(/^time: /);
  });

  it('is not taken for wrong by a clock of the proxy that is', () => {
    const rules = { ...rulesFor('refuse', 12_000), isClockCredible: false };
    const body = Buffer.from(JSON.stringify({ data: {}, time: -1_000 }));
    expect(() => singleBody('json', body, rules)).toThrow(/clock of the proxy is wrong/);
  });
});
