import type { HttpRequest } from 'uws-current';
import { describe, expect, test } from 'vitest';
import { readHead } from '../../../src/front/http/head-fields.js';

function requestWith(...fields: [name: string, value: string][]): HttpRequest {
  const forEach = (take: (name: string, value: string) => void) => {
    for (const [name, value] of [['host', 'a'], ...fields] as [string, string][]) take(name, value);
  };
  return { forEach } as unknown as HttpRequest;
}

const EMPTY = {
  authorization: '',
  contentType: '',
  contentEncoding: '',
  contentLength: '',
  upgrade: '',
  isChunked: false,
};

describe('readHead', () => {
  test('reads the fields that it is for, and forgets those of the request before', () => {
    const full = readHead(
      requestWith(
        ['authorization', 'Bearer t'],
        ['content-type', 'application/json'],
        ['content-encoding', 'gzip'],
        ['content-length', '12'],
        ['upgrade', 'websocket'],
        ['x-other', 'x'],
      ),
    );
    expect(full).toMatchObject({
      ...EMPTY,
      authorization: 'Bearer t',
      contentType: 'application/json',
      contentEncoding: 'gzip',
      contentLength: '12',
      upgrade: 'websocket',
    });
    expect(readHead(requestWith())).toMatchObject(EMPTY);
  });

  test.each(['chunked', 'Chunked', 'CHUNKED'])('knows a body in chunks: %s', (coding) => {
    expect(readHead(requestWith(['transfer-encoding', coding])).isChunked).toBe(true);
    expect(readHead(requestWith()).isChunked).toBe(false);
  });

  test('joins the lines of one list', () => {
    const head = readHead(
      requestWith(
        ['content-encoding', 'identity'],
        ['content-encoding', 'gzip'],
        ['content-type', 'application/json'],
        ['content-type', 'text/plain'],
        ['upgrade', 'h2c'],
        ['upgrade', 'websocket'],
      ),
    );
    expect(head).toMatchObject({
      contentEncoding: 'identity, gzip',
      contentType: 'application/json, text/plain',
      upgrade: 'h2c, websocket',
    });
  });

  test.each<[RegExp, [string, string][]]>([
    [/host may come only once/, [['host', 'a']]],
    [
      /authorization may come only once/,
      [
        ['authorization', 'Bearer a'],
        ['authorization', 'Bearer a'],
      ],
    ],
    [
      /content-length may come only once/,
      [
        ['content-length', '1'],
        ['content-length', '1'],
      ],
    ],
    [
      /content-length may come only once/,
      [
        ['content-length', ''],
        ['content-length', '5'],
      ],
    ],
    [
      /transfer-encoding may come only once/,
      [
        ['transfer-encoding', 'chunked'],
        ['transfer-encoding', 'chunked'],
      ],
    ],
    [/number of bytes/, [['content-length', '']]],
    [/number of bytes/, [['content-length', '-1']]],
    [/number of bytes/, [['content-length', '+1']]],
    [/number of bytes/, [['content-length', '1e3']]],
    [/number of bytes/, [['content-length', '0x10']]],
    [/number of bytes/, [['content-length', '1, 1']]],
    [
      /must not come together/,
      [
        ['content-length', '1'],
        ['transfer-encoding', 'chunked'],
      ],
    ],
    [
      /must not come together/,
      [
        ['transfer-encoding', ''],
        ['content-length', '1'],
      ],
    ],
    [/must be "chunked"/, [['transfer-encoding', '']]],
    [/must be "chunked"/, [['transfer-encoding', 'identity']]],
    [/must be "chunked"/, [['transfer-encoding', 'gzip, chunked']]],
    [/must be "chunked"/, [['transfer-encoding', 'chunked, chunked']]],
    [/must be "chunked"/, [['transfer-encoding', 'xchunked']]],
  ])('refuses what can be read in more than one way: %s %j', (message, fields) => {
    expect(() => readHead(requestWith(...fields))).toThrow(message);
    expect(() => readHead(requestWith(...fields))).toThrow(
      expect.objectContaining({ code: 'STATEWAY_MALFORMED_REQUEST' }),
    );
    expect(readHead(requestWith(['content-length', '5']))).toMatchObject({ ...EMPTY, contentLength: '5' });
  });
});
