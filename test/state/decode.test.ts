import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StatewayError } from '../../src/core/errors.js';
import { decode, decodeJson } from '../../src/state/decode.js';
import { bodyJson, nearlyJson } from './arbitraries.js';

function refusalOf(bytes: Uint8Array): StatewayError {
  try {
    decodeJson(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(StatewayError);
    return error as StatewayError;
  }
  throw new Error('was not refused');
}

describe('decodeJson', () => {
  it('gives what JSON.parse gives, the last of two equal names included', () => {
    expect(decodeJson(Buffer.from('{"a":1,"a":"é"}'))).toEqual({ a: 'é' });
    const object = decodeJson(Buffer.from('{"__proto__":{"x":1}}')) as object;
    expect(Object.keys(object)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
  });

  it('refuses an empty body', () => {
    expect(refusalOf(Buffer.alloc(0)).message).toBe('the body is empty; a state or an array of states is needed');
  });

  const notUtf8 = {
    'a stray continuation': [0x22, 0x80, 0x22],
    'a cut sequence': [0x22, 0xe2, 0x82, 0x22],
    'an overlong form': [0x22, 0xc0, 0xaf, 0x22],
    'a surrogate': [0x22, 0xed, 0xa0, 0x80, 0x22],
    'beyond U+10FFFF': [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22],
    'UTF-16': [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00],
  };
  it.each(Object.entries(notUtf8))('refuses what is not UTF-8: %s', (_, bytes) => {
    const error = refusalOf(Uint8Array.from(bytes));
    expect(error).toMatchObject({ code: 'STATEWAY_MALFORMED_BODY', message: 'the body is not valid UTF-8' });
  });

  it('refuses a byte order mark', () => {
    expect(refusalOf(Buffer.from('\ufeff{}')).message).toBe(
      'the body starts with a byte order mark; send it without one',
    );
  });

  const broken: [string, number | 'end'][] = [
    ['{"data":{"t":NaN}}', 14],
    ['{data:1}', 2],
    ["{'data':1}", 2],
    ['{"a":1,}', 8],
    ['[1,]', 4],
    ['[,1]', 2],
    ['{"a" 1}', 6],
    ['{"a":1 "b":2}', 8],
    ['{"a":1}}', 8],
    ['{"a":1}x', 8],
    ['{"a":01}', 7],
    ['{"a":1.}', 7],
    ['{"a":.5}', 6],
    ['{"a":+1}', 6],
    ['{"a":0x10}', 7],
    ['{"a":undefined}', 6],
    ['{"a":"\u0001"}', 6],
    ['{"a":"\\x"}', 6],
    ['[1}', 3],
    ['{"a":1]', 7],
    ['1,2', 2],
    [' \n // comment', 4],
    ['{"a":1', 'end'],
    ['{"a":', 'end'],
    ['{"a"', 'end'],
    ['{"a":[1,2', 'end'],
    ['  ', 'end'],
    ['[1,', 'end'],
  ];
  it.each(broken)('refuses %j and says where', (text, place) => {
    const { message, code } = refusalOf(Buffer.from(text));
    expect(code).toBe('STATEWAY_MALFORMED_BODY');
    expect(message).toBe(
      place === 'end'
        ? `the body is not valid JSON: it ends too early, after ${text.length} characters`
        : `the body is not valid JSON from character ${place} of ${text.length} on`,
    );
  });

  it('accepts what JSON.parse accepts and nothing else, without an echo of the body', () => {
    fc.assert(
      fc.property(fc.oneof(bodyJson, nearlyJson, fc.json()), (text) => {
        let expected: unknown;
        try {
          expected = JSON.parse(Buffer.from(text).toString());
        } catch {
          const { message } = refusalOf(Buffer.from(text));
          expect(message).toMatch(
            /^the body is not valid JSON(: it ends too early, after \d+ characters| from character \d+ of \d+ on)$/,
          );
          const [place, length] = (message.match(/\d+/g) ?? []).map(Number) as [number, number?];
          expect(place).toBeLessThanOrEqual(length ?? text.length);
          return;
        }
        expect(decodeJson(Buffer.from(text))).toEqual(expected);
      }),
      { numRuns: 3000 },
    );
  });

  it('survives 256 KiB of brackets, braces, and of an open string', () => {
    expect(refusalOf(Buffer.alloc(262_144, '[')).message).toMatch(/ends too early, after 262144/);
    expect(refusalOf(Buffer.alloc(262_144, '{"a":')).message).toMatch(/ends too early/);
    expect(refusalOf(Buffer.from(`"${'x'.repeat(262_143)}`)).message).toMatch(/from character 1 of 262144/);
    expect(refusalOf(Buffer.from(`"${'\\n'.repeat(131_071)}`)).message).toMatch(/from character 1 of 262143/);
    expect(decodeJson(Buffer.from('['.repeat(131_072) + ']'.repeat(131_072)))).toHaveLength(1);
  });
});

describe('decode', () => {
  it('picks the reader by the encoding', () => {
    expect(decode('json', Buffer.from('{"a":1}'))).toEqual({ a: 1 });
    expect(decode('msgpack', Uint8Array.from([0x81, 0xa1, 0x61, 0x01]))).toEqual({ a: 1 });
  });
});
