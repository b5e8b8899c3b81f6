import { once } from 'node:events';
import { Agent, get, type IncomingMessage, Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AdminServer } from '../../src/admin/admin-server.js';
import { later } from '../helpers/promises.js';
import { parseExposition } from './exposition.js';
import { FakeSources } from './fake-sources.js';

let sources: FakeSources;
let server: AdminServer;
let port: number;

beforeEach(async () => {
  sources = new FakeSources();
  server = new AdminServer(sources);
  ({ port } = await server.listen('127.0.0.1', 0));
});
afterEach(() => server.close());

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, init);
}

describe('the paths', () => {
  it('/healthz says that the process is alive, ready or not', async () => {
    sources.isReady = { ready: false, reason: 'starting', isOnlyFull: false };
    const response = await ask('/healthz');
    expect([response.status, await response.json()]).toEqual([200, { alive: true }]);
  });

  it('/readyz is 200 when ready', async () => {
    const response = await ask('/readyz');
    expect([response.status, await response.json()]).toEqual([200, { ready: true, reason: 'accepting states' }]);
  });

  it.each([
    ['starting', false],
    ['draining', false],
    ['disk failing: EIO', false],
    ['spool full', true],
    ['memory full', true],
  ])(
    '/readyz is 503 when %s, and stays 200 for whoever takes a full one when it is only full',
    async (reason, isOnlyFull) => {
      sources.isReady = { ready: false, reason, isOnlyFull };
      const response = await ask('/readyz');
      expect([response.status, await response.json()]).toEqual([503, { ready: false, reason }]);
      const forgiving = await ask('/readyz?full=ok');
      const expected = isOnlyFull ? [200, { ready: true, reason }] : [503, { ready: false, reason }];
      expect([forgiving.status, await forgiving.json()]).toEqual(expected);
      for (const query of ['?full', '?full=no', '?ok=full']) {
        expect((await ask(`/readyz${query}`)).status, query).toBe(503);
      }
    },
  );

  it('/readyz is 200 while the cloud is unreachable', async () => {
    sources.isCloudUp = false;
    expect((await ask('/readyz')).status).toBe(200);
  });

  it('/metrics is the text that Prometheus reads', async () => {
    sources.meters.forwarded = 42;
    const response = await ask('/metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const metrics = parseExposition(await response.text());
    expect(metrics.get('stateway_states_forwarded_total')?.values.get('')).toBe(42);
  });

  it('/status is JSON', async () => {
    const response = await ask('/status?pretty');
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await response.json()).toMatchObject({ version: '1.2.3', spool: { states: 17 } });
  });

  it('/ is a page under a policy of its own', async () => {
    const response = await ask('/');
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(await response.text()).toContain('<title>Stateway</title>');
  });
});

describe('what is not served', () => {
  it.each([
    '/nothing',
    '/assets/',
    '/assets/../page.html',
    '/assets/page.ts',
    '/metrics/',
    '//status',
    '/applications/a/devices/b/state',
  ])('%s is 404', async (path) => {
    const response = await ask(path);
    expect([response.status, await response.json()]).toEqual([
      404,
      {
        type: 'NotFound',
        message:
          'The admin side has no such path; it has /, /events, /healthz, /readyz, /metrics, /status, /status/history, /status/devices, /status/devices/{deviceId}, /status/dead-letters',
      },
    ]);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is 405', async (method) => {
    const response = await ask('/status', { method });
    expect([response.status, response.headers.get('allow'), await response.json()]).toEqual([
      405,
      'GET, HEAD',
      { type: 'MethodNotAllowed', message: '/status is read with GET or HEAD' },
    ]);
  });

  it('HEAD has the headers of GET and no body', async () => {
    const head = await ask('/status', { method: 'HEAD' });
    const body = await (await ask('/status')).text();
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      String(Buffer.byteLength(body)),
      '',
    ]);
  });

  it('values of states are served by an admin side with a token alone', async () => {
    const path = `/status/devices/${'b'.repeat(24)}/last-state`;
    expect((await ask(path)).status).toBe(404);
    const guarded = new AdminServer(sources, { token: 'a-token-of-the-admin-side' });
    const { port: guardedPort } = await guarded.listen('127.0.0.1', 0);
    onTestFinished(() => guarded.close());
    const url = `http://127.0.0.1:${guardedPort}${path}`;
    expect((await fetch(url)).status).toBe(401);
    const answer = await fetch(url, { headers: { authorization: 'Bearer a-token-of-the-admin-side' } });
    expect([answer.status, await answer.json()]).toMatchObject([
      404,
      { message: expect.stringContaining('Nothing is known here') },
    ]);
  });

  it('figures that cannot be read are 503, and the server goes on', async () => {
    sources.spoolFailure = new Error('closed, at /secret/path');
    for (const path of ['/status', '/metrics']) {
      const response = await ask(path);
      expect([response.status, response.headers.get('retry-after'), await response.json()]).toEqual([
        503,
        '1',
        { type: 'Unavailable', message: 'The figures cannot be read now' },
      ]);
    }
    expect(sources.unreadable).toEqual(['/status: closed, at /secret/path', '/metrics: closed, at /secret/path']);
    sources.spoolFailure = undefined;
    expect((await ask('/metrics')).status).toBe(200);
    expect((await ask('/nowhere')).status).toBe(404);
    expect(sources.unreadable).toHaveLength(2);
  });

  it('headers beyond 8 KiB are refused', async () => {
    expect((await ask('/status', { headers: { 'X-Long': 'x'.repeat(9_000) } })).status).toBe(431);
  });
});

it('every answer carries the security headers', async () => {
  for (const path of [
    '/',
    '/assets/page.css',
    '/assets/uplot.js',
    '/healthz',
    '/readyz',
    '/metrics',
    '/status',
    '/nothing',
  ]) {
    const { headers } = await ask(path);
    expect(headers.get('x-content-type-options'), path).toBe('nosniff');
    expect(headers.get('x-frame-options'), path).toBe('DENY');
    expect(headers.get('cache-control'), path).toBe('no-store');
    expect(headers.get('content-security-policy'), path).toContain("default-src 'none'");
    expect(headers.get('access-control-allow-origin'), path).toBeNull();
  }
});

describe('listening and closing', () => {
  it('refuses a port that is taken', async () => {
    await expect(new AdminServer(sources).listen('127.0.0.1', port)).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port} (STATEWAY_ADMIN_LISTEN): listen EADDRINUSE`,
    );
  });

  it('closes at once with an idle connection kept alive', async () => {
    const agent = new Agent({ keepAlive: true });
    const [response] = (await once(get({ agent, port, host: '127.0.0.1', path: '/healthz' }), 'response')) as [
      IncomingMessage,
    ];
    await text(response);
    const cut = vi.spyOn(Server.prototype, 'closeAllConnections');
    onTestFinished(() => cut.mockRestore());
    await server.close();
    // What is done when the time for answers under way is over.
    expect(cut).not.toHaveBeenCalled();
    agent.destroy();
  });

  it('closes within a second or so with a request that never ends', async () => {
    const socket: Socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /status HTTP/1.1\r\nHost: x\r\n');
    // The server has read the half request once it has answered a whole one that came after it.
    await ask('/healthz');
    const closed = later(once(socket, 'close'));
    await server.close();
    await closed;
    await expect(ask('/healthz')).rejects.toThrow();
  });
});
