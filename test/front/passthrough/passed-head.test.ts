import type { HttpRequest } from 'uws-current';
import { describe, expect, test } from 'vitest';
import { passedHead } from '../../../src/front/passthrough/passed-head.js';

interface Line {
  readonly method?: string;
  readonly url?: string;
  readonly query?: string;
}

function request(fields: readonly (readonly [string, string])[], line: Line = {}): HttpRequest {
  const req = {
    getCaseSensitiveMethod: () => line.method ?? 'GET',
    getUrl: () => line.url ?? '/path',
    getQuery: () => line.query,
    forEach: (take: (name: string, value: string) => void) => {
      for (const [name, value] of fields) take(name, value);
    },
  };
  return req as unknown as HttpRequest;
}

const passed = (fields: readonly (readonly [string, string])[], line?: Line) =>
  passedHead(request(fields, line), '192.0.2.1', 'http');

/** The headers that the proxy adds to a request that has none of them. */
const ADDED = [
  ['via', '1.1 stateway'],
  ['x-forwarded-for', '192.0.2.1'],
  ['x-forwarded-proto', 'http'],
];

describe('the target', () => {
  test.each<[string, string | undefined, string]>([
    ['/a', undefined, '/a'],
    ['/a', '', '/a'],
    ['/a%2Fb/%2e%2E//c;d=1', 'x=%20&y=+&&z', '/a%2Fb/%2e%2E//c;d=1?x=%20&y=+&&z'],
    ['/', '?a=b?c', '/??a=b?c'],
    ["/!$&'()*,:=@~", '{}[]|^`<>"\\', '/!$&\'()*,:=@~?{}[]|^`<>"\\'],
  ])('%s ? %s goes on byte for byte', (url, query, target) => {
    expect(passed([], query === undefined ? { url } : { url, query }).target).toBe(target);
  });

  test.each([
    { url: '/ä' },
    { url: '/a', query: 'ü' },
    { url: '/a#b' },
    { url: '/a\x7f' },
    { url: '/\ufffd' },
    { url: 'http://elsewhere/' },
    { url: '*' },
  ])('%j is refused', (line) => {
    expect(() => passed([], line)).toThrow(expect.objectContaining({ code: 'STATEWAY_MALFORMED_REQUEST' }));
  });
});

describe('the method', () => {
  test.each(['GET', 'get', 'PROPFIND', "!#$%&'*+.^_`|~-09az"])('%s stays as it is', (method) => {
    expect(passed([], { method }).method).toBe(method);
  });

  test.each(['', 'G(T', 'GE"T', 'a\\b'])('%j is refused', (method) => {
    expect(() => passed([], { method })).toThrow(/method/);
  });
});

describe('the headers', () => {
  test('go on in order, repeated ones repeated, empty ones empty', () => {
    const fields = [
      ['accept', '*/*'],
      ['x-b', '1'],
      ['cookie', 'a=1'],
      ['x-b', '2'],
      ['x-empty', ''],
      ['authorization', 'Bearer t'],
      ['accept-encoding', 'gzip, br'],
    ] as const;
    expect(passed(fields).headers).toEqual([...fields, ...ADDED]);
  });

  test('of the connection alone stay behind', () => {
    const fields = [
      'connection',
      'keep-alive',
      'proxy-connection',
      'proxy-authorization',
      'proxy-authenticate',
      'te',
      'trailer',
      'transfer-encoding',
      'upgrade',
      'http2-settings',
      'host',
      'expect',
    ].map((name) => [name, 'x'] as const);
    expect(passed(fields).headers).toEqual(ADDED);
  });

  test('that Connection names stay behind, in any case and over several lines', () => {
    const fields = [
      ['connection', 'X-A , close,x-b'],
      ['x-a', '1'],
      ['x-c', '1'],
      ['x-b', '1'],
      ['x-d', '1'],
      ['connection', 'x-D'],
    ] as const;
    expect(passed(fields).headers).toEqual([['x-c', '1'], ...ADDED]);
  });

  test('of where it comes from are added to', () => {
    const fields = [
      ['x-forwarded-for', '203.0.113.1 ,198.51.100.2'],
      ['x-forwarded-for', '198.51.100.3'],
      ['via', '1.0 old, 1.1 other (comment)'],
      ['x-forwarded-proto', 'https'],
    ] as const;
    expect(passed(fields).headers).toEqual([
      ['via', '1.0 old, 1.1 other (comment), 1.1 stateway'],
      ['x-forwarded-for', '203.0.113.1, 198.51.100.2, 198.51.100.3, 192.0.2.1'],
      ['x-forwarded-proto', 'https'],
    ]);
    expect(passedHead(request([]), '192.0.2.1', 'https').headers).toContainEqual(['x-forwarded-proto', 'https']);
  });

  test('cannot be made to lose what the proxy adds', () => {
    const fields = [
      ['connection', 'via, x-forwarded-for, x-forwarded-proto, content-length'],
      ['content-length', '5'],
    ] as const;
    expect(passed(fields).headers).toEqual([['content-length', '5'], ...ADDED]);
  });

  test.each([
    ['7', '7'],
    ['007', '7'],
    ['0', '0'],
  ])('say the length of the body: %s', (given, length) => {
    expect(passed([['content-length', given]]).headers).toEqual([['content-length', length], ...ADDED]);
  });

  test('hold bytes beyond ASCII as those bytes', () => {
    expect(passed([['x-name', 'a ü€ b']]).headers[0]).toEqual([
      'x-name',
      Buffer.from('a ü€ b', 'utf8').toString('latin1'),
    ]);
  });

  test.each(['a\x00b', 'a\x08', 'a\x7f', 'a\ufffdb', 'a\nb'])('with %j are refused by name', (value) => {
    expect(() => passed([['x-name', value]])).toThrow(/x-name/);
    expect(() => passed([['via', value]])).toThrow(/via/);
  });

  test('may hold tabs', () => {
    expect(passed([['x-name', 'a\tb']]).headers[0]).toEqual(['x-name', 'a\tb']);
  });
});
