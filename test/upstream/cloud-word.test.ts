import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isSuccess } from '../../src/core/cloud-shapes.js';
import { wordOf } from '../../src/upstream/cloud-word.js';

const YES = '{"success":true}';
const NO = '{"type":"Validation","message":"temperature must be a number"}';
const PAGE = '<html><h1>Welcome</h1><p>secret-of-the-page</p></html>';

/** What an answer to a state is taken for. */
function judged(status: number, body: string | Buffer, headers: Record<string, string | string[]> = {}) {
  const answer = {
    kind: 'answer',
    status,
    headers,
    body: Buffer.from(body),
    brokenBy: undefined,
    sentMs: 5,
    heardMs: 7,
  } as const;
  return wordOf(answer as Parameters<typeof wordOf>[0], (members) => (isSuccess(members) ? 'taken' : undefined));
}

it.each([200, 201, 202])('a %i that brings what was asked for is a yes', (status) => {
  expect(judged(status, YES)).toMatchObject({ kind: 'answer', status, yes: 'taken', isCloudsOwn: true });
});

it.each([400, 401, 403, 404, 409, 413, 422])("a %i with the cloud's error is a no, with its message", (status) => {
  const word = judged(status, NO);
  expect(word).toMatchObject({ kind: 'answer', status, yes: undefined, message: 'temperature must be a number' });
});

it.each([
  ['a page', PAGE],
  ['nothing', ''],
  ['JSON that is no object', '[{"success":true}]'],
  ['null', 'null'],
  ['a word', '"success"'],
  ['another object', '{"ok":true}'],
  ['success that is not true', '{"success":"true"}'],
  ['a refusal of the wrong kind', '{"success":false}'],
  ['an error without a type', '{"message":"no"}'],
  ['an error whose message is none', '{"type":"Validation","message":7}'],
  ['a cut object', YES.slice(0, -1)],
])('%s is no answer of the cloud, neither with 2xx nor with 4xx', (_name, body) => {
  for (const status of [200, 204, 226, 400, 401, 403, 404, 413, 422, 451]) {
    expect(judged(status, body)).toMatchObject({ kind: 'failure', reason: 'not_the_cloud' });
  }
});

it('a yes with 4xx and an error with 2xx are none either', () => {
  expect(judged(400, YES)).toMatchObject({ kind: 'failure', reason: 'not_the_cloud' });
  expect(judged(200, NO)).toMatchObject({ kind: 'failure', reason: 'not_the_cloud' });
});

it.each([300, 301, 302, 303, 304, 307, 308, 511])('a %i is not from the cloud, whatever is in it', (status) => {
  for (const body of [YES, NO, PAGE]) {
    expect(judged(status, body)).toMatchObject({ kind: 'failure', reason: 'not_the_cloud' });
  }
});

it('407 is the word of a proxy', () => {
  expect(judged(407, NO)).toMatchObject({ kind: 'failure', reason: 'proxy' });
});

it.each([500, 502, 503, 504])('a %i stays one, with a shape or without', (status) => {
  expect(judged(status, NO)).toMatchObject({ kind: 'answer', status, isCloudsOwn: true });
  expect(judged(status, PAGE)).toMatchObject({ kind: 'answer', status, message: '', isCloudsOwn: false });
});

it('a 429 is obeyed whoever says it, but is known for what it is', () => {
  expect(judged(429, NO)).toMatchObject({ kind: 'answer', status: 429, isCloudsOwn: true });
  for (const body of ['', PAGE]) expect(judged(429, body)).toMatchObject({ kind: 'answer', isCloudsOwn: false });
});

it('the content type does not decide', () => {
  expect(judged(200, YES, { 'content-type': 'text/plain' })).toMatchObject({ yes: 'taken' });
  expect(judged(200, PAGE, { 'content-type': 'application/json' })).toMatchObject({ kind: 'failure' });
});

describe('words', () => {
  it.each([
    [{ 'content-type': 'text/html; charset=utf-8' }, "the answer (200, text/html) is not the cloud's"],
    [{ 'content-type': ['text/html', 'text/plain'] }, "the answer (200, text/html) is not the cloud's"],
    [{ 'content-type': '<script>' }, "the answer (200) is not the cloud's"],
    [{}, "the answer (200) is not the cloud's"],
  ])('name what answered by its head alone: %j', (headers, words) => {
    expect(judged(200, PAGE, headers as Record<string, string>)).toMatchObject({ words });
  });

  it('name the host that a portal leads to, and nothing else of the address', () => {
    const words = (location: string) => (judged(302, '', { location }) as { words: string }).words;
    expect(words('https://portal.example:8443/login?token=hidden')).toBe(
      "the answer (302, to portal.example:8443) is not the cloud's",
    );
    expect(words('/login?token=hidden')).toBe("the answer (302) is not the cloud's");
    expect(words('data:text/html,hidden')).toBe("the answer (302) is not the cloud's");
  });
});

describe('a coded answer', () => {
  it.each([
    ['gzip', gzipSync],
    ['X-GZIP', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['identity', Buffer.from],
  ] as const)('is read where it is coded as %s', (coding, encode) => {
    const coded = encode(Buffer.from(YES)) as Buffer;
    expect(judged(200, coded, { 'content-encoding': coding })).toMatchObject({ yes: 'taken', body: Buffer.from(YES) });
  });

  it.each([
    ['in a way that is not known', 'zstd', gzipSync(YES)],
    ['in another way than it says', 'br', gzipSync(YES)],
    ['and cut off', 'gzip', gzipSync(YES).subarray(0, -12)],
    ['twice', 'gzip, gzip', gzipSync(gzipSync(YES))],
    ['to grow without end', 'gzip', gzipSync(Buffer.alloc(50_000_000, ' '))],
  ])('%s is none', (_name, coding, body) => {
    expect(judged(200, body, { 'content-encoding': coding })).toMatchObject({ reason: 'not_the_cloud' });
  });
});

describe("the cloud's time", () => {
  const date = 'Thu, 01 Jan 2026 12:00:00 GMT';

  it("is told from an answer of its own, and from no one else's", () => {
    expect(judged(200, YES, { date })).toMatchObject({
      cloudDate: { dateMs: Date.UTC(2026, 0, 1, 12), sentMs: 5, heardMs: 7 },
    });
    expect(judged(403, NO, { date })).toMatchObject({
      cloudDate: { dateMs: Date.UTC(2026, 0, 1, 12), sentMs: 5, heardMs: 7 },
    });
    expect(judged(503, PAGE, { date })).toMatchObject({ cloudDate: undefined });
    expect(judged(429, '', { date })).toMatchObject({ cloudDate: undefined });
  });

  it.each(['', '0', '2026-01-01', 'Thu, 99 Foo 2026'])('is not told from %j', (text) => {
    expect(judged(200, YES, { date: text })).toMatchObject({ yes: 'taken', cloudDate: { dateMs: undefined } });
  });
});
