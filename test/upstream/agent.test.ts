import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Device } from '../../src/core/device.js';
import { StatewayError } from '../../src/core/errors.js';
import { systemClock } from '../../src/core/time/clock.js';
import type { AgentOptions } from '../../src/upstream/agent.js';
import { HttpCloudClient } from '../../src/upstream/cloud-client.js';
import { answerAsCloud } from '../helpers/recording-cloud.js';
import { Cleaner, connectionsWith, makeCertificate, startHttp, startHttps, startTcp } from './test-servers.js';

const device = new Device('5'.repeat(24), 'a'.repeat(24));
const cleaner = new Cleaner();
afterEach(() => cleaner.run());

function clientFor(url: string, options: Partial<AgentOptions>): HttpCloudClient {
  const client = new HttpCloudClient(connectionsWith(options), systemClock, {
    url: new URL(url),
    answerTimeoutMs: 3_000,
  });
  cleaner.add(() => client.close());
  return client;
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stateway-upstream-'));
  cleaner.add(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function startTlsCloud(): Promise<{ port: number; certFile: string }> {
  const { keyFile, certFile } = makeCertificate(temporaryDirectory());
  const port = await startHttps(cleaner, readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8'), answerAsCloud);
  return { port, certFile };
}

/** A proxy that opens the tunnels it is asked for. */
function startProxy(heads: string[]): Promise<number> {
  return startTcp(cleaner, (socket) => {
    socket.once('data', (bytes) => {
      const head = bytes.toString('latin1');
      heads.push(head);
      const [, host, port] = /^CONNECT ([^:]+):(\d+) /.exec(head) ?? [];
      const far: Socket = connect(Number(port), host ?? '', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.pipe(far).pipe(socket);
      });
      far.on('error', () => socket.destroy());
      socket.on('close', () => far.destroy());
    });
  });
}

describe('CA file', () => {
  it('is trusted beside the usual certificates', async () => {
    const { port, certFile } = await startTlsCloud();
    const result = await clientFor(`https://127.0.0.1:${port}`, { caFile: certFile }).askForDevice(device, 't');
    expect(result).toMatchObject({ kind: 'answer', status: 200 });
  });

  it('is read once, and not for each connection', async () => {
    const made = vi.spyOn(tls, 'createSecureContext');
    cleaner.add(() => made.mockRestore());
    const { port, certFile } = await startTlsCloud();
    const client = clientFor(`https://127.0.0.1:${port}`, { caFile: certFile });
    for (let connections = 1; connections <= 3; connections++) {
      expect(await client.askForDevice(device, 't')).toMatchObject({ kind: 'answer', status: 200 });
      client.renewConnections();
    }
    // Node's own, of connections and of the server, come through the module's object.
    expect(made.mock.calls.filter(([options]) => options?.ca !== undefined)).toEqual([]);
  });

  it('without it a self-signed cloud is refused, and nothing is sent', async () => {
    const { port } = await startTlsCloud();
    const result = await clientFor(`https://127.0.0.1:${port}`, {}).sendStates(device, 't', Buffer.from('[]'));
    expect(result).toMatchObject({ kind: 'failure', mayArriveLater: false, reason: 'tls' });
  });

  it.each([
    ['is missing', undefined],
    ['holds no certificate', 'hello'],
  ])('stops the start when it %s', (_name, text) => {
    const caFile = join(temporaryDirectory(), 'ca.pem');
    if (text !== undefined) writeFileSync(caFile, text);
    const make = () => connectionsWith({ caFile });
    expect(make).toThrow(StatewayError);
    expect(make).toThrow(/STATEWAY_UPSTREAM_CA_FILE.*ca\.pem/);
  });
});

describe('proxies', () => {
  it('tunnels HTTPS with the CA file through the proxy, with its user', async () => {
    const { port, certFile } = await startTlsCloud();
    const heads: string[] = [];
    const proxyPort = await startProxy(heads);
    const proxyUrl = `http://plant:s%40fe@127.0.0.1:${proxyPort}`;
    const client = clientFor(`https://127.0.0.1:${port}`, { caFile: certFile, proxyUrl });
    for (let round = 0; round < 6; round++) {
      expect(await client.askForDevice(device, 't')).toMatchObject({ kind: 'answer', status: 200 });
    }
    expect(heads.length).toBeLessThanOrEqual(2);
    expect(heads[0]).toContain(`CONNECT 127.0.0.1:${port} HTTP/1.1`);
    expect(heads[0]).toContain(`proxy-authorization: Basic ${Buffer.from('plant:s@fe').toString('base64')}`);
  });

  it('sends a user name that has no password', async () => {
    const port = await startHttp(cleaner, answerAsCloud);
    const heads: string[] = [];
    const proxyPort = await startProxy(heads);
    const client = clientFor(`http://127.0.0.1:${port}`, { proxyUrl: `http://t%C3%B6ken@127.0.0.1:${proxyPort}` });
    expect(await client.askForDevice(device, 't')).toMatchObject({ kind: 'answer', status: 200 });
    expect(heads[0]).toContain(`proxy-authorization: Basic ${Buffer.from('töken:').toString('base64')}`);
  });

  it('looks for no proxy in the environment of the process', async () => {
    const port = await startHttp(cleaner, answerAsCloud);
    const before = process.env.http_proxy;
    process.env.http_proxy = 'http://127.0.0.1:1';
    cleaner.add(() => {
      if (before === undefined) delete process.env.http_proxy;
      else process.env.http_proxy = before;
    });
    expect(await clientFor(`http://127.0.0.1:${port}`, {}).askForDevice(device, 't')).toMatchObject({ status: 200 });
  });

  it.each([
    ['refuses the tunnel', (socket: Socket) => socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')],
    ['hangs up', (socket: Socket) => socket.end()],
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
    ['says nothing', () => {}],
  ])('a proxy that %s: the request fails, was never sent, and is not tried without end', async (_name, onConnect) => {
    let connects = 0;
    const proxyPort = await startTcp(cleaner, (socket) => {
      connects++;
      socket.once('data', () => onConnect(socket));
    });
    const proxyUrl = `http://127.0.0.1:${proxyPort}`;
    const client = clientFor('https://cloud.invalid', { proxyUrl, connectTimeoutMs: 200 });
    const result = await client.sendStates(device, 't', Buffer.from('[]'));
    expect(result).toMatchObject({ kind: 'failure', mayArriveLater: false, reason: 'proxy' });
    expect(connects).toBe(1);
  });
});

it('gives up connecting after its time', async () => {
  // 192.0.2.0/24 is for documentation (RFC 5737): nothing answers there, or the network says at once that it is unreachable.
  const client = clientFor('http://192.0.2.1:81', { connectTimeoutMs: 100 });
  expect(await client.sendStates(device, 't', Buffer.from('[]'))).toMatchObject({
    kind: 'failure',
    mayArriveLater: false,
  });
});
