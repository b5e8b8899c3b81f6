import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  address,
  base64Bytes,
  baseUrl,
  byteCount,
  count,
  duration,
  isWildcardHost,
  type Kind,
  loopbackFor,
  oneOf,
  rate,
  token,
} from '../../src/config/kinds.js';

const YEAR_MS = 365 * 86_400_000;

describe('duration', () => {
  it.each([
    ['0', 0],
    ['500', 500],
    ['500ms', 500],
    ['15s', 15_000],
    ['15 s', 15_000],
    ['15min', 900_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['7D', 604_800_000],
  ])('%s is %d ms', (text, ms) => {
    expect(duration(0, YEAR_MS).parse(text)).toBe(ms);
  });

  it('holds its bounds', () => {
    const kind = duration(1_000, 2_000);
    expect(['999', '1000', '2s', '2001'].map((text) => kind.parse(text))).toEqual([undefined, 1_000, 2_000, undefined]);
  });

  it('reads what it writes', () => {
    const kind = duration(0, YEAR_MS);
    fc.assert(fc.property(fc.integer({ min: 0, max: YEAR_MS }), (ms) => kind.parse(kind.format(ms)) === ms));
  });

  it.each([
    [0, '0ms'],
    [500, '500ms'],
    [1_500, '1500ms'],
    [60_000, '1min'],
    [604_800_000, '7d'],
  ])('%d ms is written %s', (ms, text) => {
    expect(duration(0, YEAR_MS).format(ms)).toBe(text);
  });
});

describe('byteCount', () => {
  it.each([
    ['262144', 262_144],
    ['262144B', 262_144],
    ['256KiB', 262_144],
    ['512mib', 536_870_912],
    ['10GiB', 10_737_418_240],
    ['1TiB', 1_099_511_627_776],
  ])('%s is %d bytes', (text, bytes) => {
    expect(byteCount(0, 2 ** 45).parse(text)).toBe(bytes);
  });

  it('reads what it writes', () => {
    const kind = byteCount(0, 2 ** 46);
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 46 }), (bytes) => kind.parse(kind.format(bytes)) === bytes));
  });
});

describe('count', () => {
  it('reads whole numbers without a unit', () => {
    expect(['1', '007', '10', '11', '1s', '0x1', ''].map((text) => count(1, 10).parse(text))).toEqual([
      1,
      7,
      10,
      ...Array(4).fill(undefined),
    ]);
  });
});

describe('address', () => {
  it.each([
    ['0.0.0.0:8080', '0.0.0.0', 8080],
    ['[::]:8080', '::', 8080],
    ['[fe80::1]:1', 'fe80::1', 1],
    ['localhost:0', 'localhost', 0],
    ['plant-7.example:65535', 'plant-7.example', 65_535],
  ])('%s', (text, host, port) => {
    const value = address.parse(text);
    expect(value).toEqual({ host, port });
    expect(address.format({ host, port })).toBe(text);
  });
});

describe('rate', () => {
  it('is requests in a window', () => {
    expect(rate.parse('30/15s')).toEqual({ requests: 30, windowMs: 15_000 });
    expect(rate.parse('1/1min')).toEqual({ requests: 1, windowMs: 60_000 });
    expect(rate.format({ requests: 30, windowMs: 15_000 })).toBe('30/15s');
  });
});

describe('baseUrl', () => {
  it.each([
    ['https://api.losant.com', 'https://api.losant.com'],
    ['https://api.losant.com/', 'https://api.losant.com'],
    ['http://127.0.0.1:4000', 'http://127.0.0.1:4000'],
    ['HTTPS://API.losant.com:443/base//', 'https://api.losant.com/base'],
  ])('%s is kept as %s', (text, url) => {
    expect(baseUrl.parse(text)).toBe(url);
  });
});

describe('token', () => {
  it('can always stand in a header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        if (token.parse(text) !== undefined) new Headers({ authorization: `Bearer ${text}` });
      }),
    );
    expect(token.parse('eyJ.a-b_c.d=')).toBe('eyJ.a-b_c.d=');
  });
});

describe('base64Bytes', () => {
  it('reads exactly as many bytes as asked for, in padded base64', () => {
    const key = Uint8Array.from({ length: 32 }, (_, byte) => byte * 8);
    const text = Buffer.from(key).toString('base64');
    expect(base64Bytes(32).parse(text)).toEqual(key);
    expect(base64Bytes(32).parse(` ${text}`)).toBeUndefined();
    expect(base64Bytes(32).parse(text.replace('=', ''))).toBeUndefined();
    expect(base64Bytes(31).parse(text)).toBeUndefined();
  });
});

describe('the form of a kind', () => {
  /** Each with what it allows, and what its form already refuses. */
  const KINDS: readonly (readonly [Kind<unknown>, readonly string[], readonly string[]])[] = [
    [duration(0, YEAR_MS), ['0', '15 s', '15MIN', '7d'], ['', '1week', '1.5s', '-1', 's']],
    [byteCount(0, 2 ** 45), ['262144', '512mib', '1 TiB'], ['', '10GB', '1e6']],
    [count(1, 256), ['1', '256'], ['', '1s', 'many']],
    [oneOf(['merge', 'latest']), ['merge', 'latest'], ['', 'Merge', 'last']],
    [rate, ['30/15s', '30 /15 s', '30/15000'], ['30', '30s/15s', '30/']],
  ];

  it.each(KINDS)('lets through what is allowed, and refuses what is none: %j', ({ form, parse }, allowed, refused) => {
    const isOfForm = (text: string) => {
      if (form === undefined) throw new Error('it has none');
      return 'enum' in form ? form.enum.includes(text) : new RegExp(form.pattern).test(text);
    };
    expect(allowed.filter((text) => parse(text) === undefined || !isOfForm(text))).toEqual([]);
    expect(refused.filter((text) => parse(text) !== undefined || isOfForm(text))).toEqual([]);
  });
});

describe('the address that a server listens on', () => {
  it.each([
    ['0.0.0.0', true, '127.0.0.1'],
    ['::', true, '::1'],
    ['0:0:0:0:0:0:0:0', true, '::1'],
    ['127.0.0.1', false, '127.0.0.1'],
    ['::1', false, '::1'],
    ['10.0.0.0', false, '10.0.0.0'],
    ['localhost', false, 'localhost'],
  ])('%s', (host, isWildcard, loopback) => {
    expect(isWildcardHost(host)).toBe(isWildcard);
    expect(loopbackFor(host)).toBe(loopback);
  });
});
