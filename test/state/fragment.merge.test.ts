import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fragmentOf, mergeFragments } from '../../src/state/fragment.js';
import type { DeviceState } from '../../src/state/validate.js';
import { HOSTILE_NAMES, stateJson } from './arbitraries.js';

function merge(...states: string[]): string {
  const fragments = states.map((json) => Buffer.from(fragmentOf(JSON.parse(json) as DeviceState)));
  return `{${Buffer.from(mergeFragments(fragments)).toString('utf8')}`;
}

describe('mergeFragments', () => {
  const cases: [string, string[], string][] = [
    ['one state as it is', ['{"data":{"a":1}}'], '{"data":{"a":1}}'],
    ['attributes of both', ['{"data":{"a":1}}', '{"data":{"b":2}}'], '{"data":{"a":1,"b":2}}'],
    ['the later value', ['{"data":{"a":1,"b":1}}', '{"data":{"a":"x"}}'], '{"data":{"a":"x","b":1}}'],
    ['what an empty state leaves', ['{"data":{"a":-0}}', '{"data":{}}'], '{"data":{"a":-0}}'],
    ['the last of three', ['{"data":{"a":1}}', '{"data":{"a":2}}', '{"data":{"a":3}}'], '{"data":{"a":3}}'],
    [
      'the later meta, whole',
      ['{"data":{},"meta":{"a":1}}', '{"data":{},"meta":{"b":2}}'],
      '{"data":{},"meta":{"b":2}}',
    ],
    ['the earlier meta if there is no later', ['{"data":{},"meta":0}', '{"data":{}}'], '{"data":{},"meta":0}'],
    ['a later meta of null', ['{"data":{},"meta":1}', '{"data":{},"meta":null}'], '{"data":{},"meta":null}'],
    [
      'flowVersion by the same rule',
      ['{"data":{},"flowVersion":"a"}', '{"data":{},"flowVersion":"b"}', '{"data":{"x":1}}'],
      '{"data":{"x":1},"flowVersion":"b"}',
    ],
  ];
  it.each(cases)('keeps %s', (_, states, expected) => {
    expect(merge(...states)).toBe(expected);
  });

  it('treats names of the prototype as any other', () => {
    for (const name of HOSTILE_NAMES) {
      expect(merge(`{"data":{"${name}":1,"z":1}}`, `{"data":{"${name}":2}}`)).toBe(
        JSON.stringify(JSON.parse(`{"data":{"${name}":2,"z":1}}`)),
      );
      expect(merge(`{"data":{"z":1}}`, `{"data":{"${name}":"later"}}`)).toContain(`"${name}":"later"`);
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('is what a store of attributes ends with', () => {
    fc.assert(
      fc.property(fc.array(stateJson, { minLength: 1, maxLength: 5 }), (states) => {
        const parsed = states.map((json) => JSON.parse(json) as Record<string, unknown>);
        const data = new Map(parsed.flatMap((state) => Object.entries(state.data as object)));
        const merged = JSON.parse(merge(...states)) as Record<string, unknown>;
        expect(isDeepStrictEqual(new Map(Object.entries(merged.data as object)), data)).toBe(true);
        for (const property of ['meta', 'flowVersion']) {
          const last = parsed.findLast((state) => state[property] !== undefined)?.[property];
          expect(isDeepStrictEqual(merged[property], last)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
