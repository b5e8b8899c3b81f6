import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findDeviceProblem, findProblem, MAX_META_DEPTH, statesOf } from '../../src/state/validate.js';
import { anyText, HOSTILE_NAMES, validName } from './arbitraries.js';
import { fitsSchema, isAcceptable } from './schema-oracle.js';

/** What {@link findProblem} says of a whole body. */
function problemOf(body: unknown): string | undefined {
  const states = statesOf(body);
  if (states === undefined) return 'neither object nor array';
  for (let i = 0; i < states.length; i++) {
    const problem = findProblem(states[i], states === body ? i : -1, false);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** An object as `JSON.parse` makes it, so that any name is its own property. */
function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [name, value] of entries) {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

const scalar = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  anyText,
  fc.boolean(),
  fc.constantFrom(0, -0, 'x'.repeat(65_536), 'é'.repeat(32_768)),
);
const wrongValue = fc.oneof(fc.constantFrom<unknown>(null, [], {}, [1], { a: 1 }, 1 / 0, 'x'.repeat(65_537)), scalar);
const rarelyWrong = <T>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<unknown> = wrongValue): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 9, arbitrary: right as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: wrong });

const anyName = rarelyWrong(
  validName,
  fc.oneof(anyText, fc.constantFrom('', 'a b', 'é', 'a\n', 'x'.repeat(256), '$date')),
);
const data = fc.array(fc.tuple(anyName as fc.Arbitrary<string>, rarelyWrong(scalar)), { maxLength: 4 }).map(objectOf);
const date = fc
  .array(fc.tuple(fc.constantFrom('$date', '$date', '__proto__', 'x'), rarelyWrong(fc.string())), { maxLength: 2 })
  .map(objectOf);
const flowVersion = fc.oneof(
  anyText,
  fc.constantFrom('', 'a', 'x'.repeat(255), 'x'.repeat(256), '😀'.repeat(255), '😀'.repeat(256), '\ud800'.repeat(255)),
);
const state = fc
  .array(
    fc.oneof(
      fc.tuple(fc.constant('data'), rarelyWrong(data)),
      fc.tuple(
        fc.constant('time'),
        rarelyWrong(fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), date)),
      ),
      fc.tuple(fc.constant('meta'), fc.jsonValue() as fc.Arbitrary<unknown>),
      fc.tuple(fc.constant('flowVersion'), rarelyWrong(flowVersion)),
      fc.tuple(fc.constant('data'), data),
      fc.tuple(fc.constantFrom('data', 'data', 'time', 'Data', 'deviceId', ...HOSTILE_NAMES), data),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map(objectOf);
const body = rarelyWrong(fc.oneof(state, fc.array(rarelyWrong(state), { maxLength: 3 })), fc.jsonValue());

describe('findProblem', () => {
  it('agrees with the published schema in 20,000 random cases of which many are valid', () => {
    let valid = 0;
    let runs = 0;
    fc.assert(
      fc.property(body, (value) => {
        runs++;
        if (fitsSchema(value)) valid++;
        expect(problemOf(value) === undefined).toBe(isAcceptable(value));
      }),
      { numRuns: 20_000 },
    );
    expect(valid).toBeGreaterThan(runs / 5);
    expect(valid).toBeLessThan((runs * 4) / 5);
  });

  const refused: [string, unknown, string][] = [
    ['null', { data: { temp: null } }, 'data.temp: a value must be a number, a string or a boolean, not null'],
    ['an array', { data: { a: [1] } }, 'data.a: a value must be a number, a string or a boolean, not an array'],
    ['an object', { data: { a: {} } }, 'data.a: a value must be a number, a string or a boolean, not an object'],
    [
      'an empty name',
      { data: { '': 1 } },
      'data[""]: a name must be 1 to 255 of the characters 0-9, a-z, A-Z, _ and -',
    ],
    ['no data', { time: 1 }, '"data" is missing; it holds the attributes and their values'],
    ['data of null', { data: null }, 'data: must be an object of attributes, not null'],
    ['data of an array', { data: [] }, 'data: must be an object of attributes, not an array'],
    ['a property', { data: {}, x: 1 }, 'property "x" is not allowed; a state has data, time, meta and flowVersion'],
    [
      'a device id',
      { data: {}, deviceId: 'a'.repeat(24) },
      'property "deviceId" is not allowed; a state has data, time, meta and flowVersion',
    ],
    ['time null', { data: {}, time: null }, 'time: must be a string, a number or {"$date": string}, not null'],
    [
      'time of another object',
      { data: {}, time: { $date: 1 } },
      'time: must be a string, a number or {"$date": string}, not another object',
    ],
    ['an infinite time', { data: {}, time: Number.POSITIVE_INFINITY }, 'time: the number does not fit a 64-bit float'],
    ['an infinite value', { data: { a: Number.NEGATIVE_INFINITY } }, 'data.a: the number does not fit a 64-bit float'],
    [
      'an infinity in meta',
      { data: {}, meta: { a: [Number.POSITIVE_INFINITY] } },
      'meta: holds a number that does not fit a 64-bit float',
    ],
    ['flowVersion 1', { data: {}, flowVersion: 1 }, 'flowVersion: must be a string, not a number'],
    ['an empty flowVersion', { data: {}, flowVersion: '' }, 'flowVersion: must be 1 to 255 characters long'],
    [
      'a huge flowVersion',
      { data: {}, flowVersion: 'x'.repeat(100_000) },
      'flowVersion: must be 1 to 255 characters long',
    ],
  ];
  it.each(refused)('refuses %s and names the place', (_, value, message) => {
    expect(findProblem(value, -1, false)).toBe(message);
  });

  it('names the index in an array', () => {
    expect(findProblem({ data: { temp: null } }, 3, false)).toMatch(/^\[3\]\.data\.temp: a value must be/);
    expect(findProblem({ data: {}, x: 1 }, 3, false)).toMatch(/^\[3\]: property "x" is not allowed/);
    expect(findProblem(5, 3, false)).toBe('[3]: must be an object with "data", not a number');
  });

  it('takes a string of 65,536 bytes of UTF-8 and refuses one more', () => {
    expect(findProblem({ data: { a: 'x'.repeat(65_536) } }, -1, false)).toBeUndefined();
    expect(findProblem({ data: { a: '€'.repeat(21_845) } }, -1, false)).toBeUndefined();
    const message = 'data.a: a string value must be at most 65536 bytes of UTF-8';
    expect(findProblem({ data: { a: 'x'.repeat(65_537) } }, -1, false)).toBe(message);
    expect(findProblem({ data: { a: `${'€'.repeat(21_845)}xx` } }, -1, false)).toBe(message);
  });

  it(`takes ${MAX_META_DEPTH} levels in meta and refuses one more`, () => {
    const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
    expect(findProblem({ data: {}, meta: nested(MAX_META_DEPTH) }, -1, false)).toBeUndefined();
    const message = `meta: may nest at most ${MAX_META_DEPTH} levels deep`;
    expect(findProblem({ data: {}, meta: nested(MAX_META_DEPTH + 1) }, -1, false)).toBe(message);
    expect(findProblem({ data: {}, meta: nested(100_000) }, -1, false)).toBe(message);
  });

  it('cuts and escapes hostile names, and stays under 300 characters of plain ASCII', () => {
    const names = ['\u0000'.repeat(5000), '\n"\\<script>', '\u202e😀'.repeat(50), 'x'.repeat(300), '\ud800'];
    for (const name of [...names, 'x'.repeat(255)]) {
      const problem = findProblem({ data: objectOf([[name, null]]), [name]: 1 }, 99_999, false) as string;
      expect(problem).toMatch(/^[\x20-\x7e]{20,300}$/);
      expect(findProblem({ data: objectOf([[name, null]]) }, 99_999, false)).toMatch(/^[\x20-\x7e]{20,300}$/);
    }
    expect(findProblem({ data: { 'a\n"b': 1 } }, -1, false)).toMatch(/^data\["a\\u000a\\u0022b"\]: a name must be/);
  });
});

describe('deviceId of a state in a gateway frame', () => {
  it('is allowed in either case, and needed', () => {
    expect(findProblem({ deviceId: 'aB'.repeat(12), data: {} }, 0, true)).toBeUndefined();
    expect(findProblem({ data: {} }, 2, true)).toBe(
      '[2].deviceId: must be 24 hexadecimal digits in a frame for many devices; it is missing',
    );
  });

  it.each([null, 5, {}, [], '', 'a'.repeat(23), 'g'.repeat(24), `${'a'.repeat(24)}\n`])('refuses %j', (deviceId) => {
    expect(findDeviceProblem({ deviceId, data: {} }, 1)).toMatch(/^\[1\]\.deviceId: must be 24 hexadecimal digits/);
    expect(findProblem({ deviceId, data: {} }, 1, true)).toMatch(/^\[1\]\.deviceId: must be 24 hexadecimal digits/);
  });

  it('still holds the rest of the state to the schema', () => {
    expect(findProblem({ deviceId: 'a'.repeat(24), data: { t: null } }, 0, true)).toMatch(/^\[0\]\.data\.t: a value/);
    expect(findProblem({ deviceId: 'a'.repeat(24), data: {}, x: 1 }, 0, true)).toMatch(/^\[0\]: property "x"/);
  });
});
