import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, type Site, statePath } from '../helpers/bench-site.js';
import { sendThenRead } from '../helpers/half-duplex.js';
import { askOnce } from '../helpers/http-client.js';
import { openPassingSite } from '../helpers/passing-site.js';
import { RawConnection } from '../helpers/raw-connection.js';
import { expect } from '../helpers/test-scope.js';

/** More than any buffer on the way takes without being read, and more than a state may have. */
const LARGE = 'x'.repeat(1_000_000);
const TIMES = 3;

const portOf = (site: Site): number => Number(new URL(site.proxy.url).port);

function post(path: string, fields: readonly string[], framing = `Content-Length: ${LARGE.length}`): string {
  return [`POST ${path} HTTP/1.1`, 'Host: a', ...fields, framing, ''].join('\r\n');
}

/** Answers as the path asks for, before any of the body has come, as a cloud that looks at the head alone. */
function answerEarly({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const [, status, form] = url.split('/');
  response.writeHead(Number(status), form === 'sized' ? { 'content-length': 3 } : {});
  response.end('no!');
}

describe.concurrent('a client that reads only when it has written everything gets the answer', () => {
  test('of whatever is refused by its head, or by its size', async () => {
    const site = await openSite({ env: { STATEWAY_PASSTHROUGH: 'auth' } });
    const device = site.devices[0] as PlannedDevice;
    const auth = `Authorization: Bearer ${await logIn(site, device)}`;
    const path = statePath(device);
    const refused: [what: string, status: number, head: string][] = [
      ['too large', 413, post(path, [auth])],
      ['too large, in chunks', 413, post(path, [auth], 'Transfer-Encoding: chunked')],
      ['no token', 401, post(path, [])],
      ['ids that are none', 400, post('/applications/a/devices/b/state', [auth])],
      ['two tokens', 400, post(path, [auth, auth])],
      ['another type', 415, post(path, [auth, 'Content-Type: text/plain'])],
      ['compressed', 415, post(path, [auth, 'Content-Encoding: gzip'])],
      ['not served', 404, post('/me', [auth])],
      ['a log-in too large', 413, post('/auth/device', [])],
      ['a log-in too large, in chunks', 413, post('/auth/device', [], 'Transfer-Encoding: chunked')],
      ['a log-in compressed', 415, post('/auth/device', ['Content-Encoding: gzip'])],
      ['too large, asked for', 413, post(path, [auth, 'Expect: 100-continue'])],
    ];
    for (const [what, status, head] of refused) {
      const body = head.includes('chunked') ? `${LARGE.length.toString(16)}\r\n${LARGE}\r\n0\r\n\r\n` : LARGE;
      for (let i = 0; i < TIMES; i++) {
        const answer = await sendThenRead(portOf(site), { head, body }).catch((error: Error) => error);
        // 100 Continue, where it was asked for, comes before.
        const text = answer instanceof Error ? String(answer) : `${answer.head}\r\n\r\n${answer.body}`;
        expect(text, what).toContain(`HTTP/1.1 ${status} `);
        expect(text.toLowerCase(), what).toContain('connection: close');
      }
    }
    // Nothing of it counts as in flight. Where connections are counted that are idle, that of the log-in is, until fetch ends it.
    await expect
      .poll(async () => (await askOnce(`${site.proxy.adminUrl}/metrics`)).text())
      .toMatch(/^stateway_connections\{transport="http"\} 0$/m);
  });

  test('of a cloud that answers early, sized or in chunks, and of one that is away', async () => {
    const { port, proxy, cloud } = await openPassingSite({ onRequest: answerEarly });
    for (const [status, form] of [
      [401, 'sized'],
      [413, 'chunked'],
      [200, 'sized'],
    ] as const) {
      const path = `/${status}/${form}`;
      for (const [index, [head, body]] of [
        [post(path, []), LARGE] as const,
        [
          post(path, [], 'Transfer-Encoding: chunked'),
          `${LARGE.length.toString(16)}\r\n${LARGE}\r\n0\r\n\r\n`,
        ] as const,
      ].entries()) {
        const count = new RegExp(`^stateway_passed_calls_total\\{code="${status}"\\} ${index + 1}$`, 'm');
        const metrics = async () => (await askOnce(`${proxy.adminUrl}/metrics`)).text();
        // The answer is there before the end of the body.
        const halfway = () => expect.poll(metrics).toMatch(count);
        const answer = await sendThenRead(port, { head, body, halfway });
        expect({ status: answer.status, head }).toEqual({ status, head });
        expect(answer.body).toContain('no!');
        expect(answer.head.toLowerCase()).toContain('connection: close');
      }
    }
    cloud.leave();
    const away = await sendThenRead(port, { head: post('/files', []), body: LARGE });
    expect({ status: away.status, type: JSON.parse(away.body).type }).toEqual({ status: 502, type: 'BadGateway' });
  });

  test('however slowly it writes', async () => {
    const site = await openSite();
    const device = site.devices[0] as PlannedDevice;
    const body = LARGE.slice(0, 32_000);
    const sent = [
      post(statePath(device), [], `Content-Length: ${body.length}`),
      post('/auth/device', ['Content-Encoding: gzip'], `Content-Length: ${body.length}`),
    ];
    const answers = await Promise.all(
      sent.map((head) => sendThenRead(portOf(site), { head, body, bytesPerSecond: 2000 })),
    );
    expect(answers.map(({ status }) => status)).toEqual([401, 415]);
  }, 180_000);
});

describe.concurrent('a client that never ends', () => {
  test('is cut when 8 MiB of it were dropped, having been answered at once', async () => {
    const site = await openSite();
    const device = site.devices[0] as PlannedDevice;
    const connection = await RawConnection.open(portOf(site));
    await connection.send(`${post(statePath(device), [], 'Content-Length: 500000000')}\r\n`);
    expect((await connection.readAnswer()).status).toBe(401);
    let sentBytes = 0;
    while (!connection.isClosed && sentBytes < 64 * LARGE.length) {
      await connection.send(LARGE);
      sentBytes += LARGE.length;
      // The end of the connection is told in a turn of its own.
      await turn();
    }
    await connection.closed;
    expect(sentBytes).toBeGreaterThan(8 * 1024 * 1024);
    expect(sentBytes).toBeLessThan(32 * LARGE.length);
  });

  test('and sends nothing more is closed after 10 s', async () => {
    const site = await openSite();
    const connection = await RawConnection.open(portOf(site));
    const beganMs = performance.now();
    await connection.send(`${post(statePath(site.devices[0] as PlannedDevice), [])}\r\n`);
    expect((await connection.readAnswer()).status).toBe(401);
    await connection.closed;
    expect(performance.now() - beganMs).toBeGreaterThan(9_900);
  });
});
