import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { AskResult, CloudClient, LogInResult } from '../../src/core/cloud-port.js';
import { Device } from '../../src/core/device.js';
import type { LogInHead } from '../../src/core/passed-call.js';
import { systemClock } from '../../src/core/time/clock.js';
import { retryAfterMs } from '../../src/upstream/cloud-client.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { answerAsCloud, GREETING_PATH } from '../helpers/recording-cloud.js';
import { askThreadClient, Cleaner, type ClientOptions, plainClient, startHttp, startTcp } from './test-servers.js';

type Asks = Pick<CloudClient, 'askForDevice' | 'logIn' | 'close'> & { greet(): Promise<AskResult> };

/** Every implementation passes this suite. */
const ASKERS: readonly (readonly [string, (port: number, options?: ClientOptions) => Asks])[] = [
  ['on the thread it is called on', (port, options) => plainClient(cleaner, port, options)],
  ['on a thread of its own', (port, options) => askThreadClient(cleaner, port, options)],
];

const device = new Device('5'.repeat(24), 'A'.repeat(24));
const statePath = `/applications/${'5'.repeat(24)}/devices/${'a'.repeat(24)}/state`;
const body = Buffer.from('[{"time":1767225600000,"data":{"t":1}}]');
const cleaner = new Cleaner();
afterEach(() => cleaner.run());

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** The body of an answer to a log-in. */
function textOf(result: LogInResult): string {
  if (result.kind === 'failure') throw new Error(result.words);
  return Buffer.from(result.answer.body).toString();
}

describe.each(ASKERS)('askForDevice %s', (_where, clientFor) => {
  /** A client whose cloud answers every request the same way. */
  const clientOf = async (listener: RequestListener) => clientFor(await startHttp(cleaner, listener));

  it('asks with the token and gives status and message', async () => {
    const seen: unknown[] = [];
    const client = await clientOf((request, response) => {
      seen.push([request.method, request.url, request.headers.authorization]);
      response.writeHead(403).end('{"type":"Forbidden","message":"not yours"}');
    });
    expect(await client.askForDevice(device, 'tok')).toMatchObject({
      kind: 'answer',
      status: 403,
      message: 'not yours',
    });
    expect(seen).toEqual([['GET', statePath.replace('/state', ''), 'Bearer tok']]);
  });

  it('knows the device by its id, in either case, however large the rest of it', async () => {
    const client = await clientOf((_request, response) => {
      const shown = { attributes: 'q'.repeat(1_500_000), id: device.deviceId.toUpperCase(), name: 'Pump 7' };
      response.end(JSON.stringify(shown));
    });
    const answer = { kind: 'answer', status: 200, message: '', deviceName: 'Pump 7' };
    expect(await client.askForDevice(device, 'tok')).toMatchObject(answer);
  });

  it.each([
    ['of another device', 200, JSON.stringify({ id: 'b'.repeat(24) })],
    ['that names no device', 200, '{"name":"pump"}'],
    ['of a portal', 200, '<html>Welcome</html>'],
    ['of the device, but not 200', 203, JSON.stringify({ id: 'a'.repeat(24) })],
    ['of a firewall', 403, '<html>Blocked</html>'],
    ['that leads elsewhere', 302, ''],
  ])('takes no answer %s for a word of the cloud', async (_name, status, text) => {
    const client = await clientOf((_request, response) => response.writeHead(status).end(text));
    expect(await client.askForDevice(device, 'tok')).toMatchObject({ kind: 'failure', reason: 'not_the_cloud' });
  });

  it('gives a failure with its reason', async () => {
    const port = await startTcp(cleaner, (socket) => socket.destroy());
    expect(await clientFor(port).askForDevice(device, 'tok')).toMatchObject({ kind: 'failure', reason: /./ });
  });
});

describe.each(ASKERS)('greet %s', (_where, clientFor) => {
  it("asks for no device and without a token, and takes the cloud's no for its answer", async () => {
    const seen: unknown[] = [];
    const port = await startHttp(cleaner, (request, response) => {
      const { authorization, via, 'cache-control': cacheControl } = request.headers;
      seen.push([request.method, request.url, authorization, via, cacheControl]);
      answerAsCloud(request, response, 401);
    });
    const answer = { kind: 'answer', status: 401, cloudDate: { dateMs: expect.any(Number) } };
    expect(await clientFor(port).greet()).toMatchObject(answer);
    // A cache would answer in the place of a cloud that is gone.
    expect(seen).toEqual([['GET', GREETING_PATH, undefined, '1.1 stateway', 'no-cache']]);
  });

  it('waits no longer for the next answer where none came', async () => {
    const client = clientFor(await startHttp(cleaner, () => {}), { answerTimeoutMs: 100 });
    for (let n = 0; n < 3; n++) {
      expect(await client.greet()).toMatchObject({ reason: 'timeout', words: 'no answer within 100 ms' });
    }
  });
});

describe.each(ASKERS)('logIn %s', (_where, clientFor) => {
  /** A client whose cloud answers every request the same way. */
  const clientOf = async (listener: RequestListener) => clientFor(await startHttp(cleaner, listener));

  const HEAD: LogInHead = { target: '/auth/device?_links=true&a=b', headers: [['content-type', 'application/json']] };

  it('hands credentials there and the answer back as they are', async () => {
    const seen: unknown[] = [];
    const refusal = '{"type":"Unauthorized","message":"no such key"}';
    const client = await clientOf(async (request, response) => {
      seen.push([request.url, request.headers['content-type'], await bodyOf(request)]);
      response.writeHead(401, { 'content-type': 'application/json; charset=utf-8' }).end(refusal);
    });
    const result = await client.logIn(Buffer.from('{"deviceId":"x"}'), HEAD);
    expect(result).toMatchObject({
      kind: 'answer',
      answer: { status: 401, contentType: 'application/json; charset=utf-8' },
      authed: undefined,
    });
    expect(textOf(result)).toBe(refusal);
    expect(seen).toEqual([['/auth/device?_links=true&a=b', 'application/json', '{"deviceId":"x"}']]);
  });

  it('takes along what the device wrote, and gives back what the cloud wrote, coded as it is', async () => {
    const authed = JSON.stringify({ applicationId: '5'.repeat(24), deviceId: 'A'.repeat(24), token: 'tok.en' });
    const coded = gzipSync(authed);
    const seen: unknown[] = [];
    const client = await clientOf((request, response) => {
      seen.push(request.headers['accept-encoding'], request.headers.losantdomain, request.headersDistinct['x-a']);
      response
        .writeHead(200, { 'content-encoding': 'gzip', 'set-cookie': ['a=1', 'b=2'], connection: 'close' })
        .end(coded);
    });
    const headers = [
      ['accept-encoding', 'zstd, gzip;q=0.5, *'],
      ['losantdomain', 'a.example'],
      ['x-a', '1'],
      ['x-a', '2'],
    ] as const;
    const result = await client.logIn(body, { ...HEAD, headers });
    expect(seen).toEqual(['gzip;q=0.5', 'a.example', ['1', '2']]);
    if (result.kind !== 'answer') throw new Error(result.words);
    const { answer } = result;
    expect(textOf(result)).toBe(authed);
    expect(Buffer.from(answer.asItCame?.body ?? [])).toEqual(coded);
    const names = answer.asItCame?.headers.map(([name]) => name.toLowerCase());
    expect(names).toEqual(expect.arrayContaining(['content-encoding', 'set-cookie', 'set-cookie', 'date']));
    expect(names).not.toContain('connection');
    expect(await client.logIn(body, { ...HEAD, headers: [['accept-encoding', 'zstd']] })).toMatchObject({
      kind: 'answer',
    });
    expect(seen[3]).toBe('identity');
  });

  it('says what a 200 has brought', async () => {
    const authed = { applicationId: '5'.repeat(24), deviceId: 'A'.repeat(24), token: 'tok.en' };
    const client = await clientOf((_request, response) => response.end(JSON.stringify({ ...authed, pubTopics: [] })));
    expect(await client.logIn(body, HEAD)).toMatchObject({ kind: 'answer', authed });
  });

  it.each([200, 302, 401, 403, 429, 502, 511])('takes a page with %i for no answer', async (status) => {
    const client = await clientOf((_request, response) => response.writeHead(status).end('<html>'));
    expect(await client.logIn(body, HEAD)).toMatchObject({ kind: 'failure' });
  });

  it('fails when the answer breaks off', async () => {
    const half = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"token":"abc';
    const port = await startTcp(cleaner, (socket) => socket.once('data', () => socket.end(half)));
    expect(await clientFor(port).logIn(body, HEAD)).toMatchObject({ kind: 'failure' });
  });

  it('fails when the cloud cannot be reached', async () => {
    const port = await startTcp(cleaner, () => {});
    await cleaner.run();
    expect(await clientFor(port).logIn(body, HEAD)).toMatchObject({ kind: 'failure' });
  });
});

const ANSWER_TIMEOUT_MS = 200;

/** A client of a cloud that answers when it is told to, in order of the questions. */
async function waitingCloud<T>(clientFor: (port: number, options: ClientOptions) => T) {
  const answers: (() => void)[] = [];
  const port = await startHttp(cleaner, (request, response) => {
    request.resume();
    answers.push(() => answerAsCloud(request, response));
  });
  return { client: clientFor(port, { answerTimeoutMs: ANSWER_TIMEOUT_MS, connections: 8 }), answers };
}

describe.each(ASKERS)('an answer that comes late %s', (_where, clientFor) => {
  it('to a question is there for who asks again', async () => {
    const { client, answers } = await waitingCloud(clientFor);
    expect(await client.askForDevice(device, 'tok')).toMatchObject({ kind: 'failure', reason: 'timeout' });
    const overMs = systemClock.monotonicMs();
    answers[0]?.();
    let result: AskResult | undefined;
    const again = async () => {
      result = await client.askForDevice(device, 'tok');
      return result;
    };
    await expect.poll(again).toMatchObject({ status: 200 });
    // Its time is that of the request that it answers, not of the one that got it.
    expect(result).toMatchObject({ cloudDate: { dateMs: expect.any(Number) } });
    if (result?.kind === 'answer') expect(result.cloudDate?.sentMs).toBeLessThan(overMs);
  });

  it('answers who asks again by then, and nobody who asks for another', async () => {
    const { client, answers } = await waitingCloud(clientFor);
    await client.askForDevice(device, 'tok');
    const again = client.askForDevice(device, 'tok');
    const other = client.askForDevice(device, 'other');
    await expect.poll(() => answers.length).toBe(3);
    answers[0]?.();
    expect(await again).toMatchObject({ status: 200 });
    for (const answer of answers.slice(1)) answer();
    expect(await other).toMatchObject({ status: 200 });
  });

  it('is waited for by no client that is closed: its connection ends', async () => {
    const open = new Set<Socket>();
    const port = await startHttp(cleaner, ({ socket }) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    });
    const client = clientFor(port, { answerTimeoutMs: ANSWER_TIMEOUT_MS });
    expect(await client.askForDevice(device, 'tok')).toMatchObject({ kind: 'failure', reason: 'timeout' });
    await client.close();
    await expect.poll(() => open.size).toBe(0);
  });
});

describe('an answer that comes late to states', () => {
  const clientFor = (port: number, options: ClientOptions) => plainClient(cleaner, port, options);

  it('makes their device wait longer, where it may be listened for', async () => {
    const { client, answers } = await waitingCloud(clientFor);
    const lost = await client.sendStates(device, 'tok', body, true);
    expect(lost).toMatchObject({ kind: 'failure', reason: 'timeout', mayArriveLater: true });
    expect((lost as { openMs: number }).openMs).toBeGreaterThan(100_000);
    const again = client.sendStates(device, 'tok', body, true);
    await expect.poll(() => answers.length).toBe(2);
    answers[0]?.();
    // By now it would have been given up, had the first not been answered.
    setTimeout(() => answers[1]?.(), ANSWER_TIMEOUT_MS + 50);
    expect(await again).toMatchObject({ kind: 'answer', status: 200 });
  });

  it('is not listened for where it may not, and its connection is closed', async () => {
    const { client } = await waitingCloud(clientFor);
    expect(await client.sendStates(device, 'tok', body, false)).toMatchObject({ reason: 'timeout', openMs: 0 });
  });

  it('does not keep the client from closing', async () => {
    const { client } = await waitingCloud(clientFor);
    await client.sendStates(device, 'tok', body, true);
    await client.askForDevice(device, 'tok');
    await client.close();
  });
});

describe('Retry-After', () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1, 12));
  it.each([
    ['0', 0],
    [' 120 ', 120_000],
    ['Thu, 01 Jan 2026 12:00:30 GMT', 30_000],
    ['Thursday, 01-Jan-26 12:00:30 GMT', 30_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    ['99999999999', undefined],
  ])('%j is %s ms', (text, expected) => {
    expect(retryAfterMs({ 'retry-after': text }, clock.wallMs())).toBe(expected);
  });

  it('as a date counts from the Date of the same answer, not from a clock that is wrong', () => {
    const date = 'Sun, 01 Mar 2026 08:00:00 GMT';
    const until = 'Sun, 01 Mar 2026 08:00:20 GMT';
    expect(retryAfterMs({ 'retry-after': until, date }, clock.wallMs())).toBe(20_000);
    expect(retryAfterMs({ 'retry-after': date, date: until }, clock.wallMs())).toBe(0);
    expect(retryAfterMs({ 'retry-after': '7', date }, clock.wallMs())).toBe(7_000);
  });
});
