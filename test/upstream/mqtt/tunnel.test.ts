import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { openTunnel } from '../../../src/upstream/mqtt/tunnel.js';

/** A proxy whose other end is the test: what it was asked, and the socket that a tunnel is to be had on. */
async function openProxy(answer: (near: Socket) => void) {
  let asked = '';
  const server = createServer((near) => {
    near.on('error', () => {});
    near.once('data', (bytes) => {
      asked = bytes.toString('latin1');
      answer(near);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
    server.close();
  });
  const tunnel = (credentials?: string) =>
    new Promise<string>((resolve) => {
      openTunnel(socket, 'broker.example:8883', credentials, (error) => resolve(error?.message ?? 'open'));
    });
  return { socket, tunnel, asked: () => asked };
}

it('asks for the broker by its name, with credentials, and leaves what comes behind the answer', async () => {
  const proxy = await openProxy((near) => {
    near.write('HTTP/1.1 200 Connection ');
    setImmediate(() => near.write('established\r\nVia: x\r\n\r\nfirst bytes'));
  });
  expect(await proxy.tunnel('user:pass')).toBe('open');
  expect(proxy.asked()).toBe(
    'CONNECT broker.example:8883 HTTP/1.1\r\nHost: broker.example:8883\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n',
  );
  expect(String((await once(proxy.socket.resume(), 'data'))[0])).toBe('first bytes');
});

it.each([
  ['HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', 'no tunnel: the proxy answers 407'],
  ['SSH-2.0-OpenSSH_9.2\r\n\r\n', 'no tunnel: the proxy does not speak HTTP'],
  [`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(17_000)}`, 'no tunnel: the proxy does not speak HTTP'],
])('has none where the proxy says %s', async (answer, words) => {
  const proxy = await openProxy((near) => near.write(answer));
  expect(await proxy.tunnel()).toBe(words);
});

it('has none where the proxy hangs up', async () => {
  const proxy = await openProxy((near) => near.end());
  expect(await proxy.tunnel()).toBe('no tunnel: the proxy has closed the connection');
  expect(proxy.asked()).not.toContain('Authorization');
});
