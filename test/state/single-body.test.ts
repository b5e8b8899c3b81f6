import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { StatewayError } from '../../src/core/errors.js';
import { singleBody } from '../../src/state/single-body.js';

const packr = new Packr({ useRecords: false });
const ARRIVAL_MS = Date.UTC(2026, 0, 1);
const RULES = { arrivalMs: ARRIVAL_MS, isClockCredible: true, maxBodyBytes: 262_144 };

function statesFor(body: unknown, rules = RULES): { time: unknown; data: unknown }[] {
  return JSON.parse(Buffer.from(singleBody('json', Buffer.from(JSON.stringify(body)), rules).bytes).toString());
}

function refused(body: string, rules = RULES): StatewayError {
  try {
    singleBody('json', Buffer.from(body), rules);
  } catch (error) {
    if (error instanceof StatewayError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a body', () => {
  it('of one state becomes an array of one, with its absolute time', () => {
    expect(statesFor({ time: -60_000, data: { t: 1 } })).toEqual([{ time: ARRIVAL_MS - 60_000, data: { t: 1 } }]);
  });

  it('keeps values, meta and flowVersion exactly, in order', () => {
    const states = [
      { time: ARRIVAL_MS - 2, data: { third: 1 / 3, text: 'π "\\\u0000🌡', off: false }, meta: { a: [null] } },
      { time: ARRIVAL_MS - 1, data: {}, flowVersion: 'develop' },
    ];
    expect(statesFor(states)).toEqual(states);
  });

  it('in MessagePack becomes the same JSON', () => {
    const states = [{ time: '2025-12-31T23:59:59Z', data: { n: 1 } }, { data: { n: 2 } }];
    const fromPack = singleBody('msgpack', packr.pack(states), RULES);
    const fromJson = singleBody('json', Buffer.from(JSON.stringify(states)), RULES);
    expect(fromPack).toEqual(fromJson);
    expect(fromPack.states).toBe(2);
  });

  it('that is an empty array stays one', () => {
    expect(singleBody('json', Buffer.from('[]'), RULES)).toMatchObject({ states: 0, outOfWindow: 0 });
    expect(statesFor([])).toEqual([]);
  });

  it('tells how many of its states the cloud will ignore', () => {
    const body = [{ time: ARRIVAL_MS - 31 * 86_400_000, data: {} }, { data: {} }, { time: -1, data: {} }];
    expect(singleBody('json', Buffer.from(JSON.stringify(body)), RULES)).toMatchObject({ states: 3, outOfWindow: 1 });
  });
});

describe('states without a time', () => {
  it('get the arrival and the milliseconds before it, in their order', () => {
    expect(statesFor([{ data: {} }, { data: {} }, { data: {} }]).map(({ time }) => time)).toEqual([
      ARRIVAL_MS - 2,
      ARRIVAL_MS - 1,
      ARRIVAL_MS,
    ]);
  });

  it('take no time that another state of the body names', () => {
    const body = [{ data: {} }, { time: ARRIVAL_MS, data: {} }, { data: {} }, { time: ARRIVAL_MS - 2, data: {} }];
    expect(statesFor(body).map(({ time }) => time)).toEqual([
      ARRIVAL_MS - 3,
      ARRIVAL_MS,
      ARRIVAL_MS - 1,
      ARRIVAL_MS - 2,
    ]);
  });

  it('never share one, never lie after the arrival, and rise', () => {
    const time = fc.option(fc.integer({ min: ARRIVAL_MS - 20, max: ARRIVAL_MS + 5 }), { nil: undefined });
    fc.assert(
      fc.property(fc.array(time, { maxLength: 30 }), (times) => {
        const got = statesFor(times.map((own) => ({ ...(own === undefined ? {} : { time: own }), data: {} })));
        const stamps = got.map((state) => state.time as number).filter((_, i) => times[i] === undefined);
        expect(new Set(stamps).size).toBe(stamps.length);
        expect(stamps.filter((stamp) => times.includes(stamp))).toEqual([]);
        expect(stamps).toEqual([...stamps].sort((a, b) => a - b));
        expect(Math.max(0, ...stamps)).toBeLessThanOrEqual(ARRIVAL_MS);
        for (const [i, own] of times.entries()) if (own !== undefined) expect(got[i]?.time).toBe(own);
      }),
    );
  });
});

describe('what is refused', () => {
  it.each([
    ['no JSON', '{"data":', 'STATEWAY_MALFORMED_BODY', 'ends too early'],
    ['no state', '5', 'STATEWAY_INVALID_STATE', 'not a number'],
    ['a state without data', '{}', 'STATEWAY_INVALID_STATE', '"data" is missing'],
    ['a bad state among good ones', '[{"data":{}},{"data":{"a":null}}]', 'STATEWAY_INVALID_STATE', '[1].data.a'],
    ['a number that is none', '{"data":{"a":1e400}}', 'STATEWAY_INVALID_STATE', 'data.a'],
    ['a device of its own', `{"deviceId":"${'a'.repeat(24)}","data":{}}`, 'STATEWAY_INVALID_STATE', 'deviceId'],
  ])('is %s', (_, body, code, part) => {
    const error = refused(body);
    expect(error.code).toBe(code);
    expect(error.message).toContain(part);
  });

  it('is a state that no request can hold, by its size as the cloud would get it', () => {
    const state = (length: number) => JSON.stringify([{ time: ARRIVAL_MS, data: { a: 'x'.repeat(length) } }]);
    const maxBodyBytes = Buffer.byteLength(state(100));
    expect(singleBody('json', Buffer.from(state(100)), { ...RULES, maxBodyBytes }).bytes).toHaveLength(maxBodyBytes);
    expect(refused(state(101), { ...RULES, maxBodyBytes })).toMatchObject({ code: 'STATEWAY_STATE_TOO_LARGE' });
  });

  it('are states that do not fit one request together', () => {
    const body = JSON.stringify(Array.from({ length: 10 }, () => ({ data: { a: 1 } })));
    const error = refused(body, { ...RULES, maxBodyBytes: 300 });
    expect(error).toMatchObject({ code: 'STATEWAY_BODY_TOO_LARGE', status: 413 });
    expect(error.message).toContain('300');
  });
});
