import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { CHROMIUM, launch } from '../admin/status-page/browser.js';
import { openSite, statePath, untilHeld } from '../helpers/bench-site.js';
import { openPassingSite } from '../helpers/passing-site.js';
import { RawConnection } from '../helpers/raw-connection.js';

const STATE = '/applications/5a0000000000000000000001/devices/5b0000000000000000000001/state';

describe('an answer of the proxy’s own', () => {
  test('may be read by a page of any origin, whatever it says', async () => {
    const { cloud, proxy } = await openPassingSite({
      answer: (_request, response) => response.writeHead(404).end(),
      env: { STATEWAY_MAX_BODY_BYTES: '1KiB' },
    });
    cloud.leave();
    const headers = { authorization: 'Bearer a', 'content-type': 'application/json' };
    for (const [status, path, init] of [
      [400, '/applications/x/devices/y/state', { method: 'POST', headers, body: '{}' }],
      [401, STATE, { method: 'POST', body: '{}' }],
      [404, '/Auth/device', { method: 'POST', body: '{}' }],
      [413, STATE, { method: 'POST', headers, body: 'x'.repeat(1025) }],
      [415, STATE, { method: 'POST', headers: { ...headers, 'content-type': 'text/plain' }, body: '{}' }],
      [502, '/me', {}],
      [502, '/me', { method: 'HEAD' }],
      [502, STATE, { method: 'POST', headers: { ...headers, via: '1.1 stateway' }, body: '{}' }],
      [503, STATE, { method: 'POST', headers, body: '{"data":{}}' }],
      [503, '/auth/device', { method: 'POST', body: '{}' }],
    ] as [number, string, RequestInit][]) {
      const answer = await fetch(proxy.url + path, init);
      expect({ path, status: answer.status, origin: answer.headers.get('access-control-allow-origin') }).toEqual({
        path,
        status,
        origin: '*',
      });
      const exposed = answer.headers.get('access-control-expose-headers');
      expect(exposed).toBe(status === 503 ? 'Retry-After' : null);
    }
  });

  test('grants what a browser asks for a page, at the paths that are served; all other questions are the cloud’s', async () => {
    const { cloud, port } = await openPassingSite({ answer: (_request, response) => response.writeHead(204).end() });
    const preflight = async (path: string, more = 'Access-Control-Request-Headers: authorization,x-a\r\n') => {
      const connection = await RawConnection.open(port);
      await connection.send(
        `OPTIONS ${path} HTTP/1.1\r\nHost: a\r\nOrigin: https://page.example\r\nAccess-Control-Request-Method: POST\r\n${more}\r\n`,
      );
      return connection.readAnswer();
    };
    for (const path of [STATE, `/${STATE}/`, '/auth/device']) {
      const { status, headers } = await preflight(path);
      expect(status).toBe(204);
      expect(headers).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': expect.stringContaining('POST'),
        'access-control-allow-headers': 'authorization,x-a',
        'access-control-max-age': '86400',
      });
    }
    expect((await preflight(STATE, '')).headers['access-control-allow-headers']).toBeUndefined();
    expect(cloud.requests).toEqual([]);
    await preflight('/me');
    expect((await cloud.nextRequest()).headers.origin).toBe('https://page.example');
    const malformed = await preflight(STATE, 'Content-Length: 0\r\nContent-Length: 1\r\n');
    expect(malformed.status).toBe(400);
    expect(cloud.requests).toHaveLength(1);
  });
});

// Where there is no browser it cannot be asked.
describe.skipIf(CHROMIUM === undefined)('a page of another origin, in a real browser', () => {
  let browser: Awaited<ReturnType<typeof launch>>;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  /** An empty page of an origin of its own; gone when the running test is over. */
  async function openPage() {
    const server = createServer((_request, response: ServerResponse) => {
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>plant</title>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const context = await browser.newContext();
    onTestFinished(async () => {
      await context.close();
      server.close();
    });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return page;
  }

  test('logs in, sends states by HTTP and WebSocket, and reads refusals and answers in an outage', async () => {
    const site = await openSite();
    const [device] = site.devices as [PlannedDevice];
    const page = await openPage();
    const post = (path: string, body: unknown, token = '') =>
      page.evaluate(
        async ([url, text, bearer]) => {
          const response = await fetch(url, {
            method: 'POST',
            headers: {
              'Content-Type': 'application/json',
              'Accept-Version': '^1.x',
              losantdomain: 'a.example',
              ...(bearer === '' ? {} : { Authorization: `Bearer ${bearer}` }),
            },
            body: text,
          });
          return { status: response.status, retry: response.headers.get('retry-after'), body: await response.json() };
        },
        [site.proxy.url + path, JSON.stringify(body), token] as const,
      );
    const credentials = { deviceId: device.deviceId, ...device.credentials };
    const { status, body } = await post('/auth/device', credentials);
    expect(status).toBe(200);
    const { token } = body as { token: string };
    const path = statePath(device);
    expect(await post(path, { data: { n: 1 } }, token)).toEqual({ status: 200, retry: null, body: { success: true } });
    expect((await post(path, { data: { n: null } }, token)).body).toMatchObject({ type: 'Validation' });
    const ack = await page.evaluate(
      (url) =>
        new Promise((resolve, reject) => {
          const socket = new WebSocket(url);
          socket.onopen = () => socket.send('{"data":{"n":2}}');
          socket.onmessage = ({ data }) => resolve(data);
          socket.onerror = reject;
        }),
      `${site.proxy.socketUrl + path}?token=${token}`,
    );
    expect(ack).toBe('{"ack":1}');
    const { records } = await untilHeld(site, device, (ledger) => ledger.records.length === 2);
    expect(records.map(({ data }) => data.n)).toEqual([1, 2]);
    site.cloud.setFaults([{ kind: 'outage' }]);
    expect((await post('/auth/device', credentials)).body).toMatchObject({ token });
    expect(await post('/auth/device', { ...credentials, key: 'never seen' })).toMatchObject({
      status: 503,
      retry: '1',
    });
    expect((await post(path, { data: { n: 3 } }, token)).status).toBe(200);
  });
});
