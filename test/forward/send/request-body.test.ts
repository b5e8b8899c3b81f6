import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noCorrections, withTimebase } from '../../../src/core/time/timebase.js';
import type { StateRun } from '../../../src/forward/lane/waiting-chunk.js';
import { waitingBytesOf } from '../../../src/forward/lane/waiting-chunk.js';
import { type BodyRules, buildRequestBody } from '../../../src/forward/send/request-body.js';
import { RecordView } from '../../../src/state/record-layout.js';
import { buildRecord, type TestState } from '../../helpers/records.js';
import { deviceOf } from '../harness.js';

const NO_BOUND = 1e9;
const T = 1_767_225_600_000;

/** Chunks of one device in records of their own; `skipped` states of the first are gone already. */
function waiting(records: readonly (readonly TestState[])[], skipped = 0): StateRun[] {
  return records.map((states, index) => {
    const record = buildRecord([
      { device: deviceOf(9), states: [{ time: 1, data: { foreign: true } }] },
      { device: deviceOf(1), states },
    ]);
    return { view: new RecordView(record), nextState: 1 + (index === 0 ? skipped : 0), endState: 1 + states.length };
  });
}

const RULES: BodyRules = {
  coalesce: 'merge',
  windowMs: 500,
  maxBodyBytes: NO_BOUND,
  maxStates: Number.POSITIVE_INFINITY,
  corrections: noCorrections(),
  window: undefined,
  bodyMemory: Buffer.allocUnsafe,
};

function build(records: readonly (readonly TestState[])[], rules: Partial<BodyRules> = {}, skipped = 0) {
  const body = buildRequestBody(waiting(records, skipped), { ...RULES, ...rules });
  return { ...body, text: body.bytes.toString(), json: JSON.parse(body.bytes.toString()) as TestState[] };
}

describe('joining', () => {
  it('writes states of several records in order, from where the first is settled to', () => {
    const records = [
      [
        { time: T, data: { a: 1 } },
        { time: T + 1, data: { a: 2 } },
      ],
      [{ time: T + 2, data: { a: 'ü' } }],
    ];
    const body = build(records, {}, 1);
    expect(body.text).toBe(`[{"time":${T + 1},"data":{"a":2}},{"time":${T + 2},"data":{"a":"ü"}}]`);
    expect(body).toMatchObject({ states: 2, sentStates: 2 });
  });

  it.each([
    [1_000_000_000_000, '1000000000000'],
    [9_999_999_999_999, '9999999999999'],
    [10_000_000_000_000, '10000000000000'],
    [999_999_999_999, '999999999999'],
    [100_000_000_000, '100000000000'],
    [99_999_999_999, '{"$date":"1973-03-03T09:46:39.999Z"}'],
    [0, '{"$date":"1970-01-01T00:00:00.000Z"}'],
    [-1, '{"$date":"1969-12-31T23:59:59.999Z"}'],
  ])('writes the time %d as the cloud reads it', (time, text) => {
    expect(build([[{ time, data: { a: 1 } }]]).text).toBe(`[{"time":${text},"data":{"a":1}}]`);
  });

  it('writes any time of 13 digits right', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1e12, max: 1e13 - 1 }), (time) => {
        expect(build([[{ time, data: { a: 1 } }]]).json[0]?.time).toBe(time);
      }),
    );
  });
});

describe('bounds', () => {
  const states = Array.from({ length: 6 }, (_, i) => ({ time: T + i, data: { v: i } }));
  const oneBytes = `{"time":${T},"data":{"v":0}}`.length;

  it('fills a body to the byte', () => {
    const exact = 2 + 3 * oneBytes + 2;
    expect(build([states], { maxBodyBytes: exact })).toMatchObject({ states: 3, bytes: { length: exact } });
    expect(build([states], { maxBodyBytes: exact - 1 }).states).toBe(2);
  });

  it('sends a state that is too large alone', () => {
    const large = { time: T, data: { text: 'x'.repeat(500) } };
    expect(build([[large, ...states]], { maxBodyBytes: 100 })).toMatchObject({ states: 1 });
    const [small] = states;
    expect(build([[small as TestState, large]], { maxBodyBytes: 100 })).toMatchObject({ states: 1 });
  });

  it('takes no more states than it may, across records', () => {
    expect(build([states.slice(0, 2), states.slice(2)], { maxStates: 4 }).json.map((one) => one.data.v)).toEqual([
      0, 1, 2, 3,
    ]);
  });

  it('knows beforehand how much waits', () => {
    const { view } = waiting([states])[0] as StateRun;
    expect(waitingBytesOf(view, 1, 7) + 1).toBe(build([states]).bytes.length);
    expect(waitingBytesOf(view, 3, 3)).toBe(0);
  });
});

describe('merge', () => {
  it('stands at the place of the first; what is not repeated stays as it is', () => {
    const body = build([
      [
        { time: T + 5, data: { a: 1, b: 1 } },
        { time: T, data: { a: 2 } },
      ],
      [
        { time: T + 5, data: { b: 2 } },
        { time: T + 9, data: { a: 3 } },
      ],
    ]);
    expect(body.json).toEqual([
      { time: T + 5, data: { a: 1, b: 2 } },
      { time: T, data: { a: 2 } },
      { time: T + 9, data: { a: 3 } },
    ]);
    expect(body).toMatchObject({ states: 4, sentStates: 3 });
  });

  const anyStates = fc.array(
    fc.record({
      time: fc.integer({ min: T, max: T + 6 }),
      data: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer(), { minKeys: 1 }),
    }),
    { minLength: 1, maxLength: 20 },
  );

  it('leaves the cloud with the same as if each had been sent by itself', () => {
    fc.assert(
      fc.property(anyStates, fc.integer({ min: 60, max: 400 }), (states, maxBodyBytes) => {
        const sent: TestState[] = [];
        for (let from = 0; from < states.length; ) {
          const body = build([states.slice(from)], { maxBodyBytes });
          expect(new Set(body.json.map((state) => state.time)).size).toBe(body.sentStates);
          sent.push(...body.json);
          from += body.states;
        }
        expect(stored(sent)).toEqual(stored(states));
      }),
    );
  });

  it('latest: one state with the latest value of each attribute by time, of equal times the one that came later', () => {
    fc.assert(
      fc.property(anyStates, (states) => {
        const body = build([states], { coalesce: 'latest' });
        // Array.prototype.sort is stable.
        const byTime = [...states].sort((a, b) => a.time - b.time);
        expect(body.json).toEqual([
          { time: byTime.at(-1)?.time, data: Object.assign({}, ...byTime.map((s) => s.data)) },
        ]);
        expect(body).toMatchObject({ states: states.length, sentStates: 1 });
      }),
    );
  });

  it('latest: an older reading that came second overwrites nothing that is newer', () => {
    const states = [
      { time: T + 200, data: { a: 'new', b: 'new' }, meta: 'new', flowVersion: 'new' },
      { time: T + 100, data: { a: 'old', c: 'old' }, meta: 'old' },
      { time: T + 150, data: { c: 'newer' }, flowVersion: 'old' },
    ];
    expect(build([states], { coalesce: 'latest' }).json).toEqual([
      { time: T + 200, data: { a: 'new', b: 'new', c: 'newer' }, meta: 'new', flowVersion: 'new' },
    ]);
  });

  it('latest: one state for each window when a body holds more than one, in the order of their first arrivals', () => {
    const offsets = [0, 499, 500, 700, 300, 999, 5_000, 3_000, 3_400];
    const states = offsets.map((offset, n) => ({ time: T + offset, data: { n, [`a${n}`]: n } }));
    const body = build([states], { coalesce: 'latest', windowMs: 500 });
    expect(body.json).toEqual([
      { time: T + 499, data: { n: 1, a0: 0, a4: 4, a1: 1 } },
      { time: T + 999, data: { n: 5, a2: 2, a3: 3, a5: 5 } },
      { time: T + 5_000, data: { n: 6, a6: 6 } },
      { time: T + 3_400, data: { n: 8, a7: 7, a8: 8 } },
    ]);
    expect(body).toMatchObject({ states: 9, sentStates: 4 });
  });

  it('latest: windows hold no two states further apart than they are long, and lose nothing that is latest', () => {
    const anyWindow = fc.integer({ min: 0, max: 10 });
    fc.assert(
      fc.property(anyStates, anyWindow, (states, windowMs) => {
        const { json } = build([states], { coalesce: 'latest', windowMs });
        for (const { time } of states) {
          // Its window's time is at most a window later.
          expect(json.some((sent) => sent.time >= time && sent.time - time <= Math.max(0, windowMs - 1))).toBe(true);
        }
        const latest = (all: readonly TestState[]) =>
          Object.assign({}, ...[...all].sort((a, b) => a.time - b.time).map(({ data }) => data));
        expect(latest(json)).toEqual(latest(states));
      }),
    );
  });

  it('latest without a window: only equal times become one', () => {
    const states = [0, 0, 1].map((offset, n) => ({ time: T + offset, data: { n } }));
    expect(build([states], { coalesce: 'latest', windowMs: 0 }).json).toEqual([
      { time: T, data: { n: 1 } },
      { time: T + 1, data: { n: 2 } },
    ]);
  });
});

/** As the cloud stores states: by millisecond, later attributes over earlier ones (docs/cloud.md, "States"). */
function stored(states: readonly TestState[]): Map<number, object> {
  const byTime = new Map<number, object>();
  for (const state of states) byTime.set(state.time, { ...byTime.get(state.time), ...state.data });
  return byTime;
}

describe('times counted from the clock of the proxy', () => {
  const corrections = noCorrections();
  corrections[1] = 5_000;
  corrections[2] = Number.NaN;
  const states = (...times: number[]) => [times.map((time, v) => ({ time, data: { v } }))];

  it('are sent corrected, and own ones as they are', () => {
    const body = build(states(withTimebase(T, 1), T + 1, withTimebase(T + 1, 1), withTimebase(T + 2, 3)), {
      corrections,
    });
    expect(body.json.map(({ time }) => time)).toEqual([T + 5_000, T + 1, T + 5_001, T + 2]);
  });

  it('end a body before the first that is not decided', () => {
    expect(build(states(T, withTimebase(T, 1), withTimebase(T, 2), T), { corrections })).toMatchObject({ states: 2 });
    const body = buildRequestBody(waiting(states(withTimebase(T, 2), T), 0), { ...RULES, corrections });
    expect(body.states).toBe(0);
  });

  it('give way to a time that the device named', () => {
    const body = build(states(withTimebase(T, 1), T + 5_000, withTimebase(T + 1, 1)), { corrections });
    expect(body.json.map(({ time, data }) => [time, data.v])).toEqual([
      [T + 5_001, 0],
      [T + 5_000, 1],
      [T + 5_002, 2],
    ]);
  });

  it('are counted when they came within what the cloud takes, and are too old by now', () => {
    const window = { nowMs: T + 30 * 86_400_000, waitedMs: 10_000 };
    expect(build(states(T - 1, T, T - 10_000, T - 10_001), { window })).toMatchObject({ outdated: 2, states: 4 });
  });
});
