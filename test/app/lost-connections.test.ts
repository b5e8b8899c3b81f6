import type { ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { EventSource, type MessageEvent } from 'undici';
import { describe, test } from 'vitest';
import { parseExposition } from '../admin/exposition.js';
import { Arrivals } from '../helpers/arrivals.js';
import { openPassingSite } from '../helpers/passing-site.js';
import { RawConnection } from '../helpers/raw-connection.js';
import { GREETING_PATH } from '../helpers/recording-cloud.js';
import { startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { atEnd, expect, sharedByTests } from '../helpers/test-scope.js';

const DEVICE_PATH = '/applications/5a0000000000000000000001/devices/5b0000000000000000000001';

/** An EventSource as browsers have it, for which every status but 200 is the end; closed with the running test. */
function listen(url: string): { readonly source: EventSource; readonly events: Arrivals<string> } {
  const source = new EventSource(url);
  const events = new Arrivals<string>();
  source.addEventListener('deviceCommand', (event) => events.add((event as MessageEvent).data as string));
  atEnd(() => source.close());
  return { source, events };
}

describe.concurrent('an event stream', () => {
  test.each([
    `${DEVICE_PATH}/commandStream?keepAliveInterval=2`,
    `/${DEVICE_PATH}/stateStream/`,
    '/applications/5a0000000000000000000001/mqttSubscriptionStream?topic=a%2Fb',
  ])('comes back after the cloud was away: %s', async (target) => {
    let isAway = false;
    const streams = new Arrivals<ServerResponse>();
    const refused = new Arrivals<void>();
    const { proxy } = await openPassingSite({
      onRequest: (request, response) => {
        if (isAway) {
          request.socket.destroy();
          refused.add();
          return;
        }
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('retry: 20\n\n');
        streams.add(response);
      },
    });
    const { source, events } = listen(proxy.url + target);
    const first = await streams.next();
    first.write('event: deviceCommand\ndata: 1\n\n');
    expect(await events.next()).toBe('1');
    isAway = true;
    first.destroy();
    for (let attempt = 0; attempt < 3; attempt++) await refused.next();
    expect(source.readyState).not.toBe(EventSource.CLOSED);
    isAway = false;
    (await streams.next()).write('event: deviceCommand\ndata: 2\n\n');
    expect(await events.next()).toBe('2');
  });

  test('is cut without an answer where nobody listens, and anything else is 502', async () => {
    const { cloud, port, proxy } = await openPassingSite();
    cloud.leave();
    const connection = await RawConnection.open(port);
    await connection.send(`GET ${DEVICE_PATH}/commandStream HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n`);
    await connection.closed;
    expect(connection.unread).toBe(0);
    for (const [method, path] of [
      ['POST', `${DEVICE_PATH}/commandStream`],
      ['GET', `${DEVICE_PATH}/command`],
      ['GET', '/commandStreams'],
    ] as const) {
      expect((await fetch(proxy.url + path, { method })).status).toBe(502);
    }
    const metrics = parseExposition(await (await fetch(`${proxy.adminUrl}/metrics`)).text());
    expect([...(metrics.get('stateway_passed_calls_total')?.values ?? [])]).toEqual([['{code="error"}', 4]]);
  });

  const shared = sharedByTests(() =>
    openPassingSite({ answer: ({ url }, response) => response.writeHead(Number(url.split('?status=')[1])).end() }),
  );

  test.each([401, 502, 503])('is answered %i where the cloud itself answers so', async (status) => {
    const connection = await RawConnection.open(shared().port);
    await connection.send(`GET ${DEVICE_PATH}/stateStream?status=${status} HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect((await connection.readAnswer()).status).toBe(status);
  });
});

const NO = '{"type":"Unauthorized","message":"no token"}';
const GREETING_ANSWER = `HTTP/1.1 401 Unauthorized\r\ncontent-length: ${NO.length}\r\n\r\n${NO}`;

/** What a cloud does with the requests on one connection, by their number there, from 1 on. */
type Serving = (socket: Socket, nth: number) => void;

/** A cloud of bare connections, and the built proxy in front of it. */
async function openBareSite(serve: Serving) {
  const methods: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let nth = 0;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (bytes.includes(GREETING_PATH)) {
        socket.write(GREETING_ANSWER);
        return;
      }
      methods.push(bytes.toString().split(' ', 1)[0] as string);
      serve(socket, ++nth);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const proxy = await startProxy({ upstreamUrl: `http://127.0.0.1:${port}`, dataDir: temporaryDirectory() });
  atEnd(async () => {
    await proxy.kill();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { proxy, methods };
}

describe.concurrent('a cloud that closes a connection as the next call comes on it', () => {
  const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
  const serveOnce: Serving = (socket, nth) => (nth === 1 ? socket.write(OK) : socket.destroy());

  test.each(['GET', 'HEAD'])('answers it all the same, on another one: %s', async (method) => {
    const { proxy, methods } = await openBareSite(serveOnce);
    const call = async (by: string) => (await fetch(`${proxy.url}/me`, { method: by })).status;
    expect(await call('GET')).toBe(200);
    expect(methods).toEqual(['GET']);
    expect(await call(method)).toBe(200);
    expect(methods).toEqual(['GET', method, method]);
  });

  test.each([
    ['POST', undefined],
    ['POST', 'a'],
    ['GET', undefined, 'fresh'],
  ])('is not asked twice: %s', async (method, body, connection?: string) => {
    const { proxy, methods } = await openBareSite(connection === 'fresh' ? (socket) => socket.destroy() : serveOnce);
    if (connection === undefined) expect((await fetch(`${proxy.url}/me`)).status).toBe(200);
    const before = methods.length;
    expect((await fetch(`${proxy.url}/me`, { method, ...(body && { body }) })).status).toBe(502);
    expect(methods.length - before).toBe(1);
  });

  describe('asks it again on another one', () => {
    const NO = '{"type":"Unauthorized","message":"no"}';
    const ANSWER = `HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: ${NO.length}\r\n\r\n${NO}`;
    const calls: readonly (readonly [string, string, (url: string, nth: number) => Promise<Response>])[] = [
      ['a log-in', 'POST', (url) => fetch(`${url}/auth/device`, { method: 'POST', body: '{"deviceId":"a"}' })],
      [
        'the question for a token',
        'GET',
        (url, nth) =>
          fetch(`${url + DEVICE_PATH}/state`, {
            method: 'POST',
            headers: { authorization: `Bearer token-${nth}`, 'content-type': 'application/json' },
            body: '{"data":{"n":1}}',
          }),
      ],
    ];

    test.each(calls)('%s', async (_name, method, call) => {
      const { proxy, methods } = await openBareSite((socket, nth) =>
        nth === 1 ? socket.write(ANSWER) : socket.destroy(),
      );
      expect((await call(proxy.url, 1)).status).toBe(401);
      expect(methods).toEqual([method]);
      expect((await call(proxy.url, 2)).status).toBe(401);
      expect(methods).toEqual([method, method, method]);
    });

    test.each(calls)('but not where a new one is closed: %s', async (_name, method, call) => {
      const { proxy, methods } = await openBareSite((socket) => socket.destroy());
      expect((await call(proxy.url, 1)).status).toBe(503);
      expect(methods).toEqual([method]);
    });
  });
});
