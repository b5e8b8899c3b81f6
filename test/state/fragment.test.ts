import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fragmentOf, parseFragment, singleBodyBytes } from '../../src/state/fragment.js';
import { UNSTAMPED } from '../../src/state/record-layout.js';
import { timeJson } from '../../src/state/time.js';
import type { DeviceState } from '../../src/state/validate.js';
import { stateJson } from './arbitraries.js';

describe('fragmentOf', () => {
  it('is the JSON of a state without its time and first brace', () => {
    const state = {
      flowVersion: 'v"1',
      meta: { a: [null, true] },
      time: 5,
      data: { b: -0, 'a-1': 'x\ud800', c: false },
    };
    expect(fragmentOf(state)).toBe(
      '"data":{"b":-0,"a-1":"x\\ud800","c":false},"meta":{"a":[null,true]},"flowVersion":"v\\"1"}',
    );
    expect(fragmentOf({ data: {} })).toBe('"data":{}}');
    expect(fragmentOf({ data: {}, meta: null })).toBe('"data":{},"meta":null}');
  });

  it('parsed again gives every value exactly', () => {
    fc.assert(
      fc.property(stateJson, (json) => {
        const state = JSON.parse(json) as DeviceState & { time?: unknown };
        const back = parseFragment(Buffer.from(fragmentOf(state)));
        delete (state as { time?: unknown }).time;
        expect(isDeepStrictEqual(back, state)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('singleBodyBytes', () => {
  it.each([
    1_767_225_600_000,
    1_767_225_600_000 + UNSTAMPED,
    1e12,
    1e12 - 1,
    1e13,
    8.64e15,
    1e11,
    1e11 - 1,
    0,
    -1,
    -8e15,
  ])('is the length of a body of one state at %d', (timeMs) => {
    const body = `[{"time":${timeJson(Math.trunc(timeMs))},"data":{}}]`;
    expect(singleBodyBytes('"data":{}}'.length, timeMs)).toBe(body.length);
  });
});
