import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { AdminServer } from '../../../src/admin/admin-server.js';
import { checkHealth, healthcheckCommand } from '../../../src/app/commands/healthcheck-command.js';
import { FakeSources } from '../../admin/fake-sources.js';

async function serve(sources: FakeSources, host: string): Promise<number> {
  const server = new AdminServer(sources);
  onTestFinished(() => server.close());
  return (await server.listen(host, 0)).port;
}

it.each(['127.0.0.1', '0.0.0.0'])('is ready when the proxy that listens on %s says so', async (host) => {
  const port = await serve(new FakeSources(), host);
  expect(await checkHealth({ host, port })).toEqual({ ready: true, why: 'accepting states' });
});

it('is not ready when the proxy says why not', async () => {
  const sources = new FakeSources();
  sources.isReady = { ready: false, reason: 'draining', isOnlyFull: false };
  const port = await serve(sources, '127.0.0.1');
  expect(await checkHealth({ host: '127.0.0.1', port })).toEqual({ ready: false, why: 'draining' });
});

it('is not ready when nobody listens', async () => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  expect(await checkHealth({ host: '127.0.0.1', port })).toEqual({
    ready: false,
    why: `no connection to 127.0.0.1, port ${port} (ECONNREFUSED)`,
  });
});

it('says what it wants where the admin side ends the connection, as one of TLS does', async () => {
  const server = createServer().on('connection', (socket) => socket.resetAndDestroy());
  onTestFinished(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const { ready, why } = await checkHealth({ host: '127.0.0.1', port });
  expect([ready, why]).toEqual([false, expect.stringContaining('wants STATEWAY_ADMIN_TLS_CERT_FILE')]);
});

it('is not ready when somebody else answers', async () => {
  const stranger: Server = createServer((_request, response) => response.writeHead(404).end('who\nare you'));
  onTestFinished(() => void stranger.close());
  await once(stranger.listen(0, '127.0.0.1'), 'listening');
  const { port } = stranger.address() as AddressInfo;
  expect(await checkHealth({ host: '127.0.0.1', port })).toEqual({
    ready: false,
    why: 'an answer that is not the proxy\'s: "who"',
  });
});

it('cannot know a port that the system chooses', async () => {
  expect((await checkHealth({ host: '127.0.0.1', port: 0 })).ready).toBe(false);
});

it('has the options that it goes by, and no others', () => {
  const flags = ['--admin-listen', '--admin-tls-cert-file', '--admin-tls-key-file'];
  expect(healthcheckCommand().options.map(({ long }) => long)).toEqual(flags);
});
