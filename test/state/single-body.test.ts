import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { StatewayError } from '../../src/core/errors.js';
import { type OutOfWindow, windowAt } from '../../src/core/time/cloud-window.js';
import { singleBody } from '../../src/state/single-body.js';

const packr = new Packr({ useRecords: false });
const ARRIVAL_MS = Date.UTC(2026, 0, 1);
const RULES = {
  arrivalMs: ARRIVAL_MS,
  stampsFor: (ownTimes: ReadonlySet<number>, count: number) =>
    Array.from({ length: count + ownTimes.size }, (_, ms) => ARRIVAL_MS + ms)
      .filter((ms) => !ownTimes.has(ms))
      .slice(0, count),
  isClockCredible: true,
  times: { ...windowAt(ARRIVAL_MS), outOfWindow: 'forward' as OutOfWindow },
  maxBodyBytes: 262_144,
};

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
    expect(singleBody('json', Buffer.from('[]'), RULES)).toMatchObject({ states: 0, ignoredTimes: undefined });
    expect(statesFor([])).toEqual([]);
  });

  it('tells how many of its states the cloud will ignore', () => {
    const body = [{ time: ARRIVAL_MS - 31 * 86_400_000, data: {} }, { data: {} }, { time: -1, data: {} }];
    expect(singleBody('json', Buffer.from(JSON.stringify(body)), RULES)).toMatchObject({
      states: 3,
      ignoredTimes: { states: 1, lastTimeMs: ARRIVAL_MS - 31 * 86_400_000, isRightAgain: true },
    });
  });
});

describe('states without a time', () => {
  it('get the stamps of the intake, in their order; those beside them keep what they name', () => {
    const body = [{ data: {} }, { time: ARRIVAL_MS + 1, data: {} }, { data: {} }, { time: -5, data: {} }];
    expect(statesFor(body).map(({ time }) => time)).toEqual([
      ARRIVAL_MS,
      ARRIVAL_MS + 1,
      ARRIVAL_MS + 2,
      ARRIVAL_MS - 5,
    ]);
  });

  it('are as many as stamps are asked for', () => {
    const asked: number[] = [];
    const stampsFor: typeof RULES.stampsFor = (ownTimes, count) => {
      asked.push(count);
      return RULES.stampsFor(ownTimes, count);
    };
    statesFor([{ data: {} }, { time: ARRIVAL_MS, data: {} }, { data: {} }], { ...RULES, stampsFor });
    expect(asked).toEqual([2]);
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
