import type { IncomingMessage, RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { CloudClient } from '../../src/core/cloud-port.js';
import { Device } from '../../src/core/device.js';
import { Cleaner, type ClientOptions, plainClient, startHttp, startTcp, threadClient } from './test-servers.js';

type Sends = Pick<CloudClient, 'sendStates' | 'close'>;

/** Every implementation passes this suite. */
const SENDERS: readonly (readonly [string, (port: number, options?: ClientOptions) => Sends])[] = [
  ['on the thread it is called on', (port, options) => plainClient(cleaner, port, options)],
  ['on a thread of its own', (port, options) => threadClient(cleaner, port, options)],
];

const device = new Device('5'.repeat(24), 'A'.repeat(24));
const statePath = `/applications/${'5'.repeat(24)}/devices/${'a'.repeat(24)}/state`;
const states = '[{"time":1767225600000,"data":{"t":1}}]';
const cleaner = new Cleaner();
afterEach(() => cleaner.run());

/** A body is the client's from the call on: each has one of its own. */
const bodyOf = (text: string) => Buffer.from(text);

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Something that is told once, and who waits for it. */
function once(): { readonly told: Promise<void>; readonly tell: () => void } {
  let tell = () => {};
  const told = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return { told, tell };
}

describe.each(SENDERS)('sendStates %s', (_where, clientFor) => {
  /** A client whose cloud answers every request the same way. */
  const clientOf = async (listener: RequestListener) => clientFor(await startHttp(cleaner, listener));

  it('posts the body with the token to the device path under the URL prefix', async () => {
    const seen: unknown[] = [];
    const port = await startHttp(cleaner, async (request, response) => {
      const { method, url, headers } = request;
      seen.push({
        method,
        url,
        auth: headers.authorization,
        type: headers['content-type'],
        body: await textOf(request),
      });
      response.setHeader('date', 'Thu, 01 Jan 2026 12:00:00 GMT');
      response.end('{"success":true}');
    });
    const result = await clientFor(port, { path: '/losant/v1/' }).sendStates(device, 'tok.en', bodyOf(states));
    expect(result).toEqual({
      kind: 'answer',
      status: 200,
      retryAfterMs: undefined,
      message: '',
      isCloudsOwn: true,
      cloudDate: { dateMs: Date.UTC(2026, 0, 1, 12), sentMs: expect.any(Number), heardMs: expect.any(Number) },
    });
    expect(seen).toEqual([
      {
        method: 'POST',
        url: `/losant/v1${statePath}`,
        auth: 'Bearer tok.en',
        type: 'application/json',
        body: states,
      },
    ]);
  });

  it('gives status, Retry-After and the message of an error', async () => {
    const client = await clientOf((_request, response) => {
      response.writeHead(429, { 'retry-after': '7' }).end('{"type":"Throttled","message":"slow down"}');
    });
    expect(await client.sendStates(device, 't', bodyOf(states))).toMatchObject({
      kind: 'answer',
      isCloudsOwn: true,
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
    const result = await client.sendStates(device, 't', bodyOf(states));
    expect(result).toMatchObject({ kind: 'answer', status: 503, message, isCloudsOwn: false, cloudDate: undefined });
  });

  it('takes a header that came twice by its first value', async () => {
    const client = await clientOf((_request, response) => {
      response.writeHead(429, ['retry-after', '3', 'retry-after', '9']).end();
    });
    expect(await client.sendStates(device, 't', bodyOf(states))).toMatchObject({
      status: 429,
      retryAfterMs: 3_000,
      isCloudsOwn: false,
    });
  });

  it('does not follow a redirect', async () => {
    const paths: (string | undefined)[] = [];
    const client = await clientOf((request, response) => {
      paths.push(request.url);
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect(await client.sendStates(device, 't', bodyOf(states))).toMatchObject({ reason: 'not_the_cloud' });
    expect(paths).toEqual([statePath]);
  });

  it('keeps its connections and consumes bodies: many requests, few sockets', async () => {
    const sockets = new Set<unknown>();
    const client = await clientOf((request, response) => {
      sockets.add(request.socket);
      response.writeHead(200).end('{"success":true}'.padEnd(200_000));
    });
    for (let round = 0; round < 20; round++) await client.sendStates(device, 't', bodyOf(states));
    // A promise resolves before undici has its socket back, so the next request may take a second one.
    expect(sockets.size).toBeLessThanOrEqual(2);
  });

  it('opens as many connections as it may and no more', async () => {
    const sockets = new Set<unknown>();
    const held: (() => void)[] = [];
    const port = await startHttp(cleaner, (request, response) => {
      sockets.add(request.socket);
      held.push(() => response.end('{"success":true}'));
      if (held.length >= 3) for (const answer of held.splice(0)) answer();
    });
    const client = clientFor(port, { connections: 3 });
    const results = await Promise.all(Array.from({ length: 30 }, () => client.sendStates(device, 't', bodyOf(states))));
    expect(results.filter((result) => result.kind === 'answer' && result.status === 200)).toHaveLength(30);
    expect(sockets.size).toBe(3);
  });

  it('gives a failure that may arrive later when the answer does not come', async () => {
    const port = await startTcp(cleaner, (socket) => socket.once('data', () => socket.destroy()));
    const result = await clientFor(port).sendStates(device, 't', bodyOf(states));
    expect(result).toEqual({
      kind: 'failure',
      mayArriveLater: true,
      openMs: 0,
      reason: 'reset',
      words: expect.stringMatching(/./),
      code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/),
    });
  });

  it('gives a failure that never left when there is no connection', async () => {
    const port = await startTcp(cleaner, () => {});
    await cleaner.run();
    const result = await clientFor(port).sendStates(device, 't', bodyOf(states));
    expect(result).toEqual({
      kind: 'failure',
      mayArriveLater: false,
      openMs: 0,
      reason: 'refused',
      words: expect.stringMatching(/./),
      code: 'ECONNREFUSED',
    });
  });

  it.each([10, 5_000, 300_000])('carries a body of %i bytes whole, whatever memory it stands in', async (bytes) => {
    const seen: string[] = [];
    const client = await clientOf(async (request, response) => {
      seen.push(await textOf(request));
      response.end('{"success":true}');
    });
    const text = 'x'.repeat(bytes);
    // Two of a size, the second behind the first where both are cut from the same pool.
    const [first, second] = [Buffer.from(text), Buffer.from(text)];
    const neighbour = Buffer.from('untouched');
    await Promise.all([client.sendStates(device, 't', first), client.sendStates(device, 't', second)]);
    expect(seen).toEqual([text, text]);
    expect(neighbour.toString()).toBe('untouched');
  });

  it('fails what waits for an answer when it is closed, and leaves nothing running', async () => {
    const asked = once();
    const client = await clientOf(() => asked.tell());
    const sent = client.sendStates(device, 't', bodyOf(states));
    await asked.told;
    await client.close();
    expect(await sent).toMatchObject({ kind: 'failure', mayArriveLater: true });
  });
});
