import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Arrivals } from '../helpers/arrivals.js';
import { openPassingSite } from '../helpers/passing-site.js';
import { later } from '../helpers/promises.js';
import { RawConnection } from '../helpers/raw-connection.js';
import type { RecordedRequest } from '../helpers/recording-cloud.js';
import { sharedByTests } from '../helpers/test-scope.js';

/** A header of a request, as the cloud's parser gives it. */
function headersOf({ rawHeaders }: RecordedRequest): [name: string, value: string][] {
  return rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), rawHeaders[i + 1] as string]] : []));
}

/** What the cloud answers, as bytes. */
let said = '';
const shared = sharedByTests(() =>
  openPassingSite({ answer: (_request, { socket }) => socket?.end(Buffer.from(said, 'latin1')) }),
);

/** Sends raw bytes to a proxy whose cloud answers with raw bytes; what each of the two has received. */
async function exchange(requestText: string, answerText: string) {
  const { cloud, port } = shared();
  said = answerText;
  const before = cloud.requests.length;
  const connection = await RawConnection.open(port);
  await connection.send(requestText);
  await expect.poll(() => cloud.requests.length, { interval: 5 }).toBe(before + 1);
  return { came: cloud.requests[before] as RecordedRequest, connection };
}

describe('the head of a call', () => {
  test('loses what is of one connection, and gains who sent it', async () => {
    const { came } = await exchange(
      [
        'GET /a/../b%2Fc?x=%20&y=+&z HTTP/1.1',
        'Host: plant-gateway:8080',
        'Connection: keep-alive, X-Named',
        'Keep-Alive: timeout=5',
        'X-Named: of the connection',
        'TE: trailers',
        'Proxy-Authorization: Basic c2VjcmV0',
        'Accept-Encoding: gzip, br',
        'X-Repeated: 1',
        'X-Repeated: 2',
        'X-Forwarded-For: 10.1.2.3',
        'Via: 1.0 other',
        'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        'X-Request-Id: of-the-device',
        '',
        '',
      ].join('\r\n'),
      'HTTP/1.1 204 No Content\r\n\r\n',
    );
    expect(came.url).toBe('/a/../b%2Fc?x=%20&y=+&z');
    const headers = headersOf(came);
    const valuesOf = (wanted: string) => headers.filter(([name]) => name === wanted).map(([, value]) => value);
    expect(valuesOf('host')).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
    expect(valuesOf('x-repeated')).toEqual(['1', '2']);
    expect(valuesOf('traceparent')).toEqual(['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01']);
    expect(valuesOf('x-request-id')).toEqual(['of-the-device']);
    expect(valuesOf('x-forwarded-for')).toEqual(['10.1.2.3, 127.0.0.1']);
    expect(valuesOf('x-forwarded-proto')).toEqual(['http']);
    expect(valuesOf('via')).toEqual(['1.0 other, 1.1 stateway']);
    expect(valuesOf('accept-encoding')).toEqual(['gzip, br']);
    for (const gone of ['keep-alive', 'x-named', 'te', 'proxy-authorization']) expect(valuesOf(gone)).toEqual([]);
  });

  test.each(['HEAD', 'OPTIONS', 'DELETE', 'TRACE'])('keeps its method: %s', async (method) => {
    const { came, connection } = await exchange(
      `${method} /a HTTP/1.1\r\nHost: a\r\n\r\n`,
      'HTTP/1.1 200 OK\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n',
    );
    const answer = await connection.readAnswer();
    expect({ method: came.method, status: answer.status, allow: answer.headers.allow }).toEqual({
      method,
      status: 200,
      allow: 'GET',
    });
  });
});

describe('an answer', () => {
  const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';

  test('to HEAD keeps the length of what it stands for, without it', async () => {
    const { connection } = await exchange(
      'HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: text/csv\r\n\r\n',
    );
    const answer = await connection.readAnswer(true);
    expect(answer.headers).toMatchObject({ 'content-length': '1000', 'content-type': 'text/csv' });
    await connection.send('HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await connection.readAnswer(true)).status).toBe(200);
  });

  test.each([
    ['204 without a body', 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n', 204],
    [
      '304 with the length of what it stands for',
      'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 9\r\n\r\n',
      304,
    ],
    ['500 with a body', 'HTTP/1.1 500 Broken Here\r\nContent-Length: 3\r\n\r\nbad', 500],
    ['302, which is not followed', 'HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n', 302],
  ])('%s stays what it is', async (_name, answerText, status) => {
    const { connection } = await exchange(GET, answerText);
    const answer = await connection.readAnswer(status === 304);
    expect(answer.status).toBe(status);
    expect(answer.body).toBe(status === 500 ? 'bad' : '');
    // Nothing of a body that is not there: the next answer begins where this one ends.
    await connection.send(GET);
    expect((await connection.readAnswer(status === 304)).status).toBe(status);
  });

  test('loses what is of one connection, and keeps the rest, repeated names repeated', async () => {
    const { connection } = await exchange(
      GET,
      'HTTP/1.1 200 Fine By Me\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: close, X-Named\r\nX-Named: 1\r\nContent-Length: 0\r\n\r\n',
    );
    const { statusText, lines } = await connection.readAnswer();
    expect(statusText).toBe('Fine By Me');
    expect(lines.filter((line) => /^set-cookie/i.test(line))).toEqual(['Set-Cookie: a=1', 'Set-Cookie: b=2']);
    expect(lines.filter((line) => /x-named/i.test(line))).toEqual([]);
  });

  test('that is compressed is not touched', async () => {
    const zipped = gzipSync('{"as":"it came"}');
    const { connection } = await exchange(
      'GET /a HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n',
      `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n${zipped.toString('latin1')}`,
    );
    expect((await connection.readAnswer(true)).headers['content-encoding']).toBe('gzip');
    expect((await connection.readBytes(zipped.length)).equals(zipped)).toBe(true);
  });

  test('in chunks comes in chunks, to a request in chunks', async () => {
    const { came, connection } = await exchange(
      'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n',
    );
    expect(came.body).toBe('abcde');
    expect((await connection.readAnswer()).headers['transfer-encoding']).toBe('chunked');
    expect(await connection.readChunks()).toBe('firstsecond');
  });

  test('that breaks off breaks off for the device too, rather than look whole', async () => {
    const { connection } = await exchange(GET, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
    await connection.readAnswer();
    expect(await connection.readChunk()).toBe('first');
    await expect(connection.readChunk()).rejects.toThrow('the connection was closed');
  });
});

test('a cloud that cannot be reached is 502 in its own shape', async () => {
  const { cloud, proxy } = await openPassingSite();
  cloud.leave();
  const response = await fetch(`${proxy.url}/me`);
  expect(response.status).toBe(502);
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  expect(await response.json()).toEqual({ type: 'BadGateway', message: expect.stringContaining('did not answer') });
});

test('events come one by one, and the end of the device is the end for the cloud', async () => {
  const streams = new Arrivals<{ request: IncomingMessage; response: ServerResponse }>();
  const { port } = await openPassingSite({ onRequest: (request, response) => streams.add({ request, response }) });
  const outgoing = request({ host: '127.0.0.1', port, path: '/applications/a/devices/d/commandStream', agent: false });
  onTestFinished(() => {
    outgoing.destroy();
  });
  outgoing.on('error', () => {});
  outgoing.end();
  const { response } = await streams.next();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  // Not an event has been written yet.
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  expect(incoming.headers['content-type']).toBe('text/event-stream');
  const pieces = incoming[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let text = '';
  for (const event of ['event: a\ndata: 1\n\n', 'event: b\ndata: 2\n\n', ':keep-alive\n\n']) {
    response.write(event);
    while (!text.endsWith(event)) text += (await pieces.next()).value;
  }
  const gone = later(once(response, 'close'));
  outgoing.destroy();
  await gone;
  expect(response.writableFinished).toBe(false);
});

test.each([
  ['auth', ['/auth/user']],
  ['none', []],
] as const)('STATEWAY_PASSTHROUGH=%s passes on no others than %j', async (mode, passed: readonly string[]) => {
  const { cloud, proxy } = await openPassingSite({ env: { STATEWAY_PASSTHROUGH: mode } });
  for (const path of ['/auth/user', '/me']) {
    expect((await fetch(proxy.url + path)).status, path).toBe(passed.includes(path) ? 200 : 404);
  }
  expect(cloud.requests.map(({ url }) => url)).toEqual(passed);
});
