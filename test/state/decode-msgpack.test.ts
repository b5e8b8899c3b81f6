import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { StatewayError } from '../../src/core/errors.js';
import { decodeMsgpack, MAX_MSGPACK_DEPTH } from '../../src/state/decode-msgpack.js';
import { bodyJson, validName } from './arbitraries.js';
import { pack } from './pack.js';

const packr = new Packr({ useRecords: false });

function bytesOf(hex: string): Uint8Array {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

function refusalOf(bytes: Uint8Array): string {
  try {
    decodeMsgpack(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(StatewayError);
    expect(error).toMatchObject({ code: 'STATEWAY_MALFORMED_BODY' });
    return (error as StatewayError).message;
  }
  throw new Error('was not refused');
}

describe('decodeMsgpack', () => {
  const values: [string, string, unknown][] = [
    ['positive fixint', '7f', 127],
    ['negative fixint', 'e0', -32],
    ['nil', 'c0', null],
    ['false', 'c2', false],
    ['true', 'c3', true],
    ['float 32', 'ca 3dcccccd', 0.10000000149011612],
    ['float 64', 'cb 3fb999999999999a', 0.1],
    ['float 64 of -0', 'cb 8000000000000000', -0],
    ['uint 8', 'cc ff', 255],
    ['uint 16', 'cd ffff', 65_535],
    ['uint 32', 'ce ffffffff', 4_294_967_295],
    ['uint 64', 'cf 0020000000000001', 9_007_199_254_740_992],
    ['the largest uint 64', 'cf ffffffffffffffff', 2 ** 64],
    ['int 8', 'd0 80', -128],
    ['int 16', 'd1 8000', -32_768],
    ['int 32', 'd2 80000000', -2_147_483_648],
    ['int 64', 'd3 ffffffffffffffff', -1],
    ['the smallest int 64', 'd3 8000000000000000', -(2 ** 63)],
    ['fixstr', 'a2 c3a9', 'é'],
    ['an empty string', 'a0', ''],
    ['str 8', 'd9 01 61', 'a'],
    ['str 16', 'da 0001 61', 'a'],
    ['str 32', 'db 00000001 61', 'a'],
    ['fixarray', '92 01 02', [1, 2]],
    ['array 16', 'dc 0001 01', [1]],
    ['array 32', 'dd 00000001 01', [1]],
    ['fixmap', '81 a1 61 01', { a: 1 }],
    ['map 16', 'de 0001 a1 61 01', { a: 1 }],
    ['map 32', 'df 00000001 a1 61 01', { a: 1 }],
    ['the last of two equal keys', '82 a1 61 01 a1 61 02', { a: 2 }],
  ];
  it.each(values)('reads %s', (_, hex, value) => {
    expect(isDeepStrictEqual(decodeMsgpack(bytesOf(hex)), value)).toBe(true);
  });

  it.each([0x10, 0x20, 0x40, 0x5f, 0x60, 0x7f])(
    'reads 0x%s as a number even after a record definition was tried',
    (byte) => {
      refusalOf(Uint8Array.from([0xd4, 0x72, byte, 0x91, 0xa1, 0x61, 0x01]));
      expect(decodeMsgpack(Uint8Array.of(byte))).toBe(byte);
    },
  );

  it('reads 64-bit integers as JSON.parse reads their digits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (integer) => {
        const bytes = Buffer.alloc(9, integer < 0n ? 0xd3 : 0xcf);
        if (integer < 0n) bytes.writeBigInt64BE(integer, 1);
        else bytes.writeBigUInt64BE(integer, 1);
        expect(decodeMsgpack(bytes)).toBe(JSON.parse(String(integer)));
      }),
    );
  });

  it('keeps names that other readers change, and touches no prototype', () => {
    fc.assert(
      fc.property(fc.array(validName, { maxLength: 5 }), (names) => {
        const pairs = names.flatMap((name) => [packr.pack(name), packr.pack({ polluted: true })]);
        const object = decodeMsgpack(Buffer.concat([Uint8Array.of(0x80 + names.length), ...pairs])) as object;
        expect(new Set(Object.keys(object))).toEqual(new Set(names));
        expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
        expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      }),
    );
  });

  it('keeps a byte order mark at the start of a string of any length', () => {
    for (const length of [1, 20, 100, 70_000]) {
      const text = `\ufeff${'é'.repeat(length)}`;
      expect(decodeMsgpack(packr.pack(text))).toBe(text);
    }
  });

  it('reads back exactly what msgpackr writes for the values of JSON', () => {
    fc.assert(
      fc.property(bodyJson, (json) => {
        // Without what its writer cannot do: -0, lone surrogates, a property called toJSON.
        const plain = JSON.stringify(JSON.parse(json));
        fc.pre(!/\\ud[89a-f]|"toJSON"/.test(plain));
        const value = JSON.parse(plain) as unknown;
        expect(isDeepStrictEqual(decodeMsgpack(packr.pack(value)), value)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('reads back exactly what the widest types hold', () => {
    fc.assert(
      fc.property(bodyJson, (json) => {
        fc.pre(json === Buffer.from(json).toString() && !/\\u[dD]/.test(json));
        const value = JSON.parse(json) as unknown;
        expect(isDeepStrictEqual(decodeMsgpack(pack(value)), value)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  const refused: [string, string, string][] = [
    ['nothing at all', '', 'it ends too early (byte 0)'],
    ['the unused type', 'c1', 'type 0xc1 is never used (byte 0)'],
    ['bin 8', '81 a1 61 c4 01 00', 'binary data has no JSON form (byte 3)'],
    ['bin 16', 'c5 0001 00', 'binary data has no JSON form (byte 0)'],
    ['bin 32', 'c6 00000001 00', 'binary data has no JSON form (byte 0)'],
    ['a timestamp', 'd6 ff 00000000', 'extension types (timestamps among them) have no JSON form (byte 0)'],
    [
      'a record definition',
      'd4 72 40 91 a1 61 01',
      'extension types (timestamps among them) have no JSON form (byte 0)',
    ],
    ['fixext 2', 'd5 01 0000', 'extension types (timestamps among them) have no JSON form (byte 0)'],
    ['fixext 8', 'd7 ff 0000000000000000', 'extension types (timestamps among them) have no JSON form (byte 0)'],
    ['fixext 16', `d8 01 ${'00'.repeat(16)}`, 'extension types (timestamps among them) have no JSON form (byte 0)'],
    ['ext 8', 'c7 00 01', 'extension types (timestamps among them) have no JSON form (byte 0)'],
    ['ext 16', 'c8 0000 01', 'extension types (timestamps among them) have no JSON form (byte 0)'],
    ['ext 32', 'c9 00000000 01', 'extension types (timestamps among them) have no JSON form (byte 0)'],
    ['a number for a key', '81 01 02', 'a map key must be a string (byte 1)'],
    ['nil for a key', '81 c0 02', 'a map key must be a string (byte 1)'],
    ['a map for a key', '81 80 02', 'a map key must be a string (byte 1)'],
    ['NaN', 'cb 7ff8000000000000', 'NaN and the infinities have no JSON form (byte 0)'],
    ['Infinity', 'cb 7ff0000000000000', 'NaN and the infinities have no JSON form (byte 0)'],
    ['-Infinity in 32 bits', '91 ca ff800000', 'NaN and the infinities have no JSON form (byte 1)'],
    ['a string that is not UTF-8', 'a2 61 ff', 'a string is not valid UTF-8 (byte 0)'],
    ['a surrogate in UTF-8', '81 a3 eda080 01', 'a string is not valid UTF-8 (byte 1)'],
    ['a cut character', 'a1 c3', 'a string is not valid UTF-8 (byte 0)'],
    ['a second value', '01 02', 'more bytes follow the value (byte 1)'],
    ['an array of four thousand million', 'dd ffffffff 01', 'it ends too early (byte 6)'],
    ['a map of four thousand million', 'df ffffffff', 'it ends too early (byte 5)'],
    ['a string of four gigabytes', 'db ffffffff 61', 'it ends too early (byte 6)'],
  ];
  it.each(refused)('refuses %s', (_, hex, message) => {
    expect(refusalOf(bytesOf(hex))).toBe(`the body is not valid MessagePack: ${message}`);
  });

  it('refuses every truncation of a body', () => {
    const whole = packr.pack([
      { data: { temp: 21.5, name: 'é'.repeat(40), n: 70_000, ok: true }, time: 1_767_225_600_000 },
    ]);
    expect(decodeMsgpack(whole)).toHaveLength(1);
    for (let length = 0; length < whole.length; length++) {
      expect(refusalOf(whole.subarray(0, length))).toMatch(/it ends too early|not valid UTF-8/);
    }
  });

  it('bounds the depth', () => {
    const nested = (levels: number): Uint8Array => Buffer.concat([Buffer.alloc(levels - 1, 0x91), Uint8Array.of(0x90)]);
    expect(decodeMsgpack(nested(MAX_MSGPACK_DEPTH))).toHaveLength(1);
    expect(refusalOf(nested(MAX_MSGPACK_DEPTH + 1))).toMatch(/nests deeper than 110 levels \(byte 110\)/);
    expect(refusalOf(Buffer.alloc(262_144, 0x91))).toMatch(/nests deeper/);
    expect(refusalOf(Buffer.alloc(262_144, bytesOf('81a161')))).toMatch(/nests deeper/);
  });

  it('meets any bytes with a value or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          expect(JSON.parse(JSON.stringify(decodeMsgpack(bytes)))).toBeDefined();
        } catch (error) {
          expect(error).toBeInstanceOf(StatewayError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
