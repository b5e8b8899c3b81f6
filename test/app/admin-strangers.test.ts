import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openSite } from '../helpers/bench-site.js';
import { askAs } from '../helpers/http-client.js';
import { MAIN_FILE } from '../helpers/program.js';
import { later } from '../helpers/promises.js';
import { inMiB, residentBytes, startedBytes } from '../helpers/resident-memory.js';

/** From each of five addresses of this machine: more than the admin side keeps, of one and in all. */
const STRANGERS = 300;
const ADDRESSES = [1, 2, 3, 4, 5].map((n) => `127.0.0.${n}`);
/** Of whom a head of 7 KiB is all that is missing two bytes. */
const UNFINISHED_HEAD = `GET /status HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(7_000)}\r\n`;

/** A connection from an address of this machine. */
async function connectFrom(localAddress: string, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  onTestFinished(() => void socket.destroy());
  // Read, so that its end is seen; a reset is one too.
  socket.resume().on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

function askFrom(localAddress: string, port: number, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, localAddress, agent: false }, resolve);
    onTestFinished(() => void request.destroy());
    request.once('error', reject);
  });
}

function healthcheck(port: number): Promise<{ code: number; out: string }> {
  const env = { PATH: process.env.PATH, STATEWAY_ADMIN_LISTEN: `127.0.0.1:${port}` };
  return new Promise((resolve) => {
    execFile(MAIN_FILE, ['healthcheck'], { env }, (error, out) =>
      resolve({ code: error ? Number(error.code) : 0, out }),
    );
  });
}

test('probes are answered beside any number of heads that never end, which cost little memory', async () => {
  const { proxy } = await openSite();
  const port = Number(new URL(proxy.adminUrl).port);
  const beforeBytes = await startedBytes(proxy);
  const sockets: Socket[] = [];
  const closed: Promise<void>[] = [];
  const flood = async (localAddress: string) => {
    for (let n = 0; n < STRANGERS; n++) {
      const socket = await connectFrom(localAddress, port);
      // However it ends: a reset is told as an error before.
      closed.push(new Promise((resolve) => socket.once('close', resolve)));
      socket.write(UNFINISHED_HEAD);
      sockets.push(socket);
    }
  };
  let isOver = false;
  const probes = async (path: string) => {
    const statuses: number[] = [];
    do {
      const response = await fetch(proxy.adminUrl + path, {
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(30_000),
      });
      await response.text();
      statuses.push(response.status);
    } while (!isOver);
    return statuses;
  };
  const probing = later(Promise.all([probes('/healthz'), probes('/readyz')]));
  await Promise.all(ADDRESSES.map(flood));
  expect(await healthcheck(port)).toEqual({ code: 0, out: 'ready: accepting states\n' });
  expect(inMiB(residentBytes(proxy.process.pid as number) - beforeBytes)).toBeLessThan(64);
  isOver = true;
  expect(new Set((await probing).flat())).toEqual(new Set([200]));
  // None is kept for longer than a head may take.
  await Promise.all(closed);
  expect(sockets.every(({ destroyed }) => destroyed)).toBe(true);
}, 120_000);

test('no address has all places of the status page, and open pages keep out no probe', async () => {
  const { proxy } = await openSite();
  const port = Number(new URL(proxy.adminUrl).port);
  for (let n = 0; n < 20; n++) expect((await askFrom('127.0.0.2', port, '/events')).statusCode).toBe(200);
  expect((await askFrom('127.0.0.2', port, '/events')).statusCode).toBe(503);
  const page = await askFrom('127.0.0.1', port, '/events');
  expect(page.statusCode).toBe(200);
  await once(page, 'data');
  expect((await fetch(`${proxy.adminUrl}/healthz`)).status).toBe(200);
});

test('a page that has a name of its own lead here reads nothing; probes are answered by any name', async () => {
  const { proxy } = await openSite({ env: { STATEWAY_ADMIN_HOSTS: 'stateway.plant.example, gateway7' } });
  const { adminUrl } = proxy;
  const { port } = new URL(adminUrl);
  const statusOf = async (path: string, host: string) => (await askAs(host, adminUrl + path)).status;
  for (const path of ['/', '/status', '/metrics', '/events', '/assets/page.css', '/nothing']) {
    expect(await statusOf(path, `evil.example:${port}`), path).toBe(403);
  }
  for (const path of ['/healthz', '/readyz']) expect(await statusOf(path, 'evil.example'), path).toBe(200);
  for (const host of [
    `127.0.0.1:${port}`,
    'localhost:19090',
    '[::1]',
    '10.1.2.3:9090',
    'stateway.plant.example',
    'GATEWAY7:9090',
  ]) {
    expect(await statusOf('/status', host), host).toBe(200);
  }
  expect(await (await askAs('evil.example', `${adminUrl}/status`)).json()).toEqual({
    type: 'Forbidden',
    message: expect.stringMatching(/"evil\.example"; allowed are an IP address, localhost, .*STATEWAY_ADMIN_HOSTS$/),
  });
});
