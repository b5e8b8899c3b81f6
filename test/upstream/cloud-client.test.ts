import type { IncomingMessage, RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import { type HttpCloudClient, retryAfterMs } from '../../src/upstream/cloud-client.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { Cleaner, plainClient, startHttp, startTcp } from './test-servers.js';

const device = new Device('5'.repeat(24), 'A'.repeat(24));
const statePath = `/applications/${'5'.repeat(24)}/devices/${'a'.repeat(24)}/state`;
const body = Buffer.from('[{"time":1767225600000,"data":{"t":1}}]');
const cleaner = new Cleaner();
afterEach(() => cleaner.run());

const clientFor = (port: number, path?: string) => plainClient(cleaner, port, { path });

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** A client whose cloud answers every request the same way. */
async function clientOf(listener: RequestListener): Promise<HttpCloudClient> {
  return clientFor(await startHttp(cleaner, listener));
}

describe('sendStates', () => {
  it('posts the body with the token to the device path under the URL prefix', async () => {
    const seen: unknown[] = [];
    const port = await startHttp(cleaner, async (request, response) => {
      const { method, url, headers } = request;
      seen.push({
        method,
        url,
        auth: headers.authorization,
        type: headers['content-type'],
        body: await bodyOf(request),
      });
      response.end('{"success":true}');
    });
    const result = await clientFor(port, '/losant/v1/').sendStates(device, 'tok.en', body);
    expect(result).toEqual({ kind: 'answer', status: 200, retryAfterMs: undefined, message: '' });
    expect(seen).toEqual([
      {
        method: 'POST',
        url: `/losant/v1${statePath}`,
        auth: 'Bearer tok.en',
        type: 'application/json',
        body: body.toString(),
      },
    ]);
  });

  it('gives status, Retry-After and the message of an error', async () => {
    const client = await clientOf((_request, response) => {
      response.writeHead(429, { 'retry-after': '7' }).end('{"type":"Throttled","message":"slow down"}');
    });
    expect(await client.sendStates(device, 't', body)).toEqual({
      kind: 'answer',
      status: 429,
      retryAfterMs: 7_000,
      message: 'slow down',
    });
  });

  it.each([
    ['no JSON', '<html>gone</html>', ''],
    ['JSON null', 'null', ''],
    ['another shape', '{"message":5}', ''],
    ['a long message', JSON.stringify({ message: 'x'.repeat(3_000) }), 'x'.repeat(1_000)],
    ['an endless message', JSON.stringify({ message: 'x'.repeat(300_000) }), ''],
  ])('answers with the status when the error body is %s', async (_name, text, message) => {
    const client = await clientOf((_request, response) => {
      response.writeHead(503).end(text);
    });
    const result = await client.sendStates(device, 't', body);
    expect(result).toEqual({ kind: 'answer', status: 503, retryAfterMs: undefined, message });
  });

  it('takes a header that came twice by its first value', async () => {
    const client = await clientOf((_request, response) => {
      response.writeHead(429, ['retry-after', '3', 'retry-after', '9']).end();
    });
    expect(await client.sendStates(device, 't', body)).toMatchObject({ status: 429, retryAfterMs: 3_000 });
  });

  it('does not follow a redirect', async () => {
    const paths: (string | undefined)[] = [];
    const client = await clientOf((request, response) => {
      paths.push(request.url);
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect(await client.sendStates(device, 't', body)).toMatchObject({ kind: 'answer', status: 307 });
    expect(paths).toEqual([statePath]);
  });

  it('keeps its connections and consumes bodies: many requests, few sockets', async () => {
    const sockets = new Set<unknown>();
    const client = await clientOf((request, response) => {
      sockets.add(request.socket);
      response.writeHead(500).end('y'.repeat(200_000));
    });
    for (let round = 0; round < 20; round++) await client.sendStates(device, 't', body);
    // A promise resolves before undici has its socket back, so the next request may take a second one.
    expect(sockets.size).toBeLessThanOrEqual(2);
  });

  it('opens as many connections as it may and no more', async () => {
    const sockets = new Set<unknown>();
    const held: (() => void)[] = [];
    const port = await startHttp(cleaner, (request, response) => {
      sockets.add(request.socket);
      held.push(() => response.end('{}'));
      if (held.length >= 3) for (const answer of held.splice(0)) answer();
    });
    const client = plainClient(cleaner, port, { connections: 3 });
    const results = await Promise.all(Array.from({ length: 30 }, () => client.sendStates(device, 't', body)));
    expect(results.filter((result) => result.kind === 'answer' && result.status === 200)).toHaveLength(30);
    expect(sockets.size).toBe(3);
  });
});

describe('askForDevice', () => {
  it('asks with the token and gives status and message', async () => {
    const seen: unknown[] = [];
    const client = await clientOf((request, response) => {
      seen.push([request.method, request.url, request.headers.authorization]);
      response.writeHead(403).end('{"type":"Forbidden","message":"not yours"}');
    });
    expect(await client.askForDevice(device, 'tok')).toEqual({ kind: 'answer', status: 403, message: 'not yours' });
    expect(seen).toEqual([['GET', statePath.replace('/state', ''), 'Bearer tok']]);
  });

  it('gives a large device as an answer without keeping it', async () => {
    const client = await clientOf((_request, response) => {
      response.end(JSON.stringify({ tags: 'q'.repeat(500_000) }));
    });
    expect(await client.askForDevice(device, 'tok')).toEqual({ kind: 'answer', status: 200, message: '' });
  });

  it('gives a failure with its reason', async () => {
    const port = await startTcp(cleaner, (socket) => socket.destroy());
    expect(await clientFor(port).askForDevice(device, 'tok')).toMatchObject({ kind: 'failure', reason: /./ });
  });
});

describe('logIn', () => {
  it('hands credentials there and the answer back as they are', async () => {
    const seen: unknown[] = [];
    const client = await clientOf(async (request, response) => {
      seen.push([request.url, request.headers['content-type'], await bodyOf(request)]);
      response.writeHead(401, { 'content-type': 'application/json; charset=utf-8' }).end('{"type":"Unauthorized"}');
    });
    const answer = await client.logIn(Buffer.from('{"deviceId":"x"}'), 'application/json', '_links=true&a=b');
    expect(answer).toMatchObject({ status: 401, contentType: 'application/json; charset=utf-8' });
    expect(Buffer.from(answer?.body ?? []).toString()).toBe('{"type":"Unauthorized"}');
    expect(seen).toEqual([['/auth/device?_links=true&a=b', 'application/json', '{"deviceId":"x"}']]);
  });

  it('is undefined when the answer breaks off', async () => {
    const half = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"token":"abc';
    const port = await startTcp(cleaner, (socket) => socket.once('data', () => socket.end(half)));
    expect(await clientFor(port).logIn(body, 'application/json', '')).toBeUndefined();
  });

  it('is undefined when the cloud cannot be reached', async () => {
    const port = await startTcp(cleaner, () => {});
    await cleaner.run();
    expect(await clientFor(port).logIn(body, 'application/json', '')).toBeUndefined();
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
});
