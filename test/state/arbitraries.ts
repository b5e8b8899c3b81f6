import fc from 'fast-check';

/** Names that are properties of every object, and other ordinary names that trip programs. */
export const HOSTILE_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  'toJSON',
  '__defineGetter__',
  'length',
  '0',
  '-',
  '_',
  '4294967295',
  'x'.repeat(255),
];

/** Any string, lone surrogates and controls included. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('\ud800', '\udc00x', '\u2028', '\ufeff', '', '\u0000', '"\\', 'true', '°C', '😀'),
);

export const validName: fc.Arbitrary<string> = fc.oneof(
  fc.stringMatching(/^[0-9a-zA-Z_-]{1,12}$/),
  fc.constantFrom(...HOSTILE_NAMES),
);

/** Blanks that JSON allows between tokens; mostly none. */
export const blanks: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  fc.constantFrom(' ', '\n', '\t', '\r\n  '),
);

/** JSON of a finite number in any notation. */
export const numberJson: fc.Arbitrary<string> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map(String),
  fc.maxSafeInteger().map(String),
  fc.bigInt().map(String),
  fc.constantFrom(
    '-0',
    '0',
    '-0.0',
    '1E+2',
    '0.1e-3',
    '1e-400',
    '21.50',
    '9007199254740993',
    '123456789012345678901234567890',
    '1.7976931348623157e308',
    `1${'0'.repeat(308)}`,
    `0.${'3'.repeat(400)}`,
  ),
);

/** JSON of a string, with as few escapes as need be or with all characters escaped. */
export const stringJson: fc.Arbitrary<string> = fc
  .tuple(anyText, fc.integer({ min: 0, max: 5 }))
  .map(([text, style]) =>
    style === 0 ? `"${[...Array(text.length).keys()].map((i) => escaped(text, i)).join('')}"` : JSON.stringify(text),
  );

function escaped(text: string, index: number): string {
  return `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`;
}

export const valueJson: fc.Arbitrary<string> = fc.oneof(numberJson, stringJson, fc.constantFrom('true', 'false'));

/** JSON of an object with these members, blanks strewn in. */
export function objectJson(members: fc.Arbitrary<[string, string][]>): fc.Arbitrary<string> {
  return fc.tuple(members, blanks, blanks, blanks).map(([list, a, b, c]) => {
    const inner = list.map(([name, value]) => `${a}${JSON.stringify(name)}${b}:${c}${value}`);
    return `{${inner.join(`${b},`)}${a}}`;
  });
}

export const dataJson: fc.Arbitrary<string> = objectJson(fc.array(fc.tuple(validName, valueJson), { maxLength: 6 }));

export const metaJson: fc.Arbitrary<string> = fc.oneof(
  valueJson,
  fc.constant('null'),
  fc.jsonValue().map((value) => JSON.stringify(value)),
  objectJson(fc.array(fc.tuple(anyText, valueJson), { maxLength: 3 })),
  fc.constantFrom('[-0,{"__proto__":{"a":-0}}]', '{"toJSON":1,"constructor":[[]]}'),
);

export const timeJsonText: fc.Arbitrary<string> = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 }).map(String),
  fc.constantFrom(
    '1767225600',
    '1767225600.25',
    '-60000',
    '-0',
    '0',
    '"2026-01-01T00:00:00Z"',
    '"2026-01-01"',
    '"never"',
  ),
  fc.constantFrom('{"$date":"2026-01-01T00:00:00.123Z"}', '""', '1e12', '17672256000000000000', '"1 Jan 2026 10:00"'),
  stringJson,
);

/** JSON of a valid state; without `rare`, mostly of the kind that devices send. */
export const stateJson: fc.Arbitrary<string> = fc
  .record({
    data: dataJson,
    time: fc.option(timeJsonText, { nil: undefined }),
    meta: fc.option(metaJson, { nil: undefined, freq: 2 }),
    flowVersion: fc.option(
      fc.string({ minLength: 1, maxLength: 255, unit: 'binary' }).map((text) => JSON.stringify(text)),
      { nil: undefined, freq: 2 },
    ),
    order: fc.integer({ min: 0, max: 23 }),
    blank: blanks,
  })
  .map(({ order, blank, ...parts }) => {
    const members = Object.entries(parts).filter((part): part is [string, string] => part[1] !== undefined);
    for (let i = 0; i < order % 4; i++) members.push(members.shift() as [string, string]);
    return `${blank}{${members.map(([name, json]) => `${blank}"${name}":${blank}${json}`).join(',')}}${blank}`;
  });

/** JSON of a valid body. */
export const bodyJson: fc.Arbitrary<string> = fc.oneof(
  stateJson,
  fc.array(stateJson, { maxLength: 5 }).map((states) => `[${states.join()}]`),
);

/** JSON of a body as most devices send it: `data` and `time`, plain strings and numbers. */
export const plainBodyJson: fc.Arbitrary<string> = fc
  .array(
    fc.tuple(
      objectJson(
        fc.array(
          fc.tuple(
            validName,
            fc.oneof(
              fc.integer().map(String),
              fc.float({ noNaN: true, min: -1000, max: 1000 }).map((value) => value.toFixed(3)),
              fc.string().map((text) => JSON.stringify(text)),
              fc.boolean().map(String),
            ),
          ),
          { maxLength: 4 },
        ),
      ),
      timeJsonText,
      fc.constantFrom('data', 'data,time', 'time,data'),
      blanks,
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((states) => {
    const texts = states.map(([data, time, order, blank]) => {
      const members = order.split(',').map((name) => `${blank}"${name}":${blank}${name === 'data' ? data : time}`);
      return `${blank}{${members.join()}${blank}}${blank}`;
    });
    return texts.length === 1 ? (texts[0] as string) : `[${texts.join()}]`;
  });

const PIECES = [...'{}[],:"\\ 0-.eE+n\n\u0001é', 'null', '"data":', '1e400', '{}', '"time":5'];

/** JSON near to valid: a body with a piece or two put in, or written over what was there. */
export const nearlyJson: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(bodyJson, plainBodyJson),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom(...PIECES)), { minLength: 1, maxLength: 2 }),
    fc.boolean(),
  )
  .map(([json, edits, replaces]) =>
    edits.reduce((text, [place, piece]) => {
      const at = place % (text.length + 1);
      return text.slice(0, at) + piece + text.slice(replaces ? at + piece.length : at);
    }, json),
  );
