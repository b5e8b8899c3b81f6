import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:tls';
import { type IConnectPacket, type Packet, parser } from 'mqtt-packet';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CheckLine } from '../../../src/core/check-line.js';
import { systemClock } from '../../../src/core/time/clock.js';
import { checkBroker } from '../../../src/upstream/mqtt/broker-check.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { openTunnels } from '../../helpers/tunnels.js';
import { Cleaner, makeCertificate, startTcp } from '../test-servers.js';

const WAY = { caFile: undefined, proxyUrl: undefined };

/** A peer that says something to the first that it hears, and then perhaps closes; and what it heard. */
function peer(says: Uint8Array | string, isClosing = false): { onSocket: (socket: Socket) => void; heard: Packet[] } {
  const heard: Packet[] = [];
  const onSocket = (socket: Socket): void => {
    const reader = parser({ protocolVersion: 4 });
    reader.on('packet', (packet) => heard.push(packet));
    socket.on('error', () => {});
    socket.on('data', (bytes) => reader.parse(bytes));
    socket.once('data', () => {
      if (says.length > 0) socket.write(says);
      if (isClosing) socket.end();
    });
  };
  return { onSocket, heard };
}

async function plain(onSocket: (socket: Socket) => void): Promise<URL> {
  const cleaner = new Cleaner();
  onTestFinished(() => cleaner.run());
  return new URL(`mqtt://127.0.0.1:${await startTcp(cleaner, onSocket)}`);
}

async function secure(onSocket: (socket: Socket) => void): Promise<{ url: URL; caFile: string }> {
  const { keyFile, certFile } = makeCertificate(temporaryDirectory());
  const sockets = new Set<Socket>();
  const server: Server = createServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, onSocket);
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: new URL(`mqtts://127.0.0.1:${(server.address() as AddressInfo).port}`), caFile: certFile };
}

function connack(code: number): Uint8Array {
  return Uint8Array.of(0x20, 2, 0, code);
}

function results(lines: readonly CheckLine[]): readonly string[] {
  return lines.map(({ step, result }) => `${step}: ${result}`);
}

describe('what answers to a log-in is a broker', () => {
  test('that refuses it, and is told no key and no secret', async () => {
    const { onSocket, heard } = peer(connack(5), true);
    const lines = await checkBroker({ ...WAY, url: await plain(onSocket) }, systemClock);
    expect(results(lines)).toEqual(['broker name: ok', 'broker connection: ok', 'broker answer: ok']);
    expect(lines.at(-1)?.words).toContain('CONNACK 5');
    const [logIn] = heard as [IConnectPacket];
    expect(logIn).toMatchObject({ cmd: 'connect', clientId: '0'.repeat(24), clean: true });
    expect([logIn.username, logIn.password, logIn.will]).toEqual([undefined, undefined, undefined]);
  });

  test('that takes it, and is left again', async () => {
    const { onSocket, heard } = peer(connack(0));
    const lines = await checkBroker({ ...WAY, url: await plain(onSocket) }, systemClock);
    expect(lines.at(-1)).toMatchObject({ step: 'broker answer', result: 'ok' });
    await expect.poll(() => heard.map(({ cmd }) => cmd), { timeout: 20_000 }).toEqual(['connect', 'disconnect']);
  });

  test.each([
    ['that serves nobody', connack(3), 'CONNACK 3'],
    ['not that closes without a word', '', 'closed instead of CONNACK'],
    ['not that speaks HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'closed instead of CONNACK'],
  ])('%s', async (_what, says, words) => {
    const { onSocket } = peer(says, true);
    const lines = await checkBroker({ ...WAY, url: await plain(onSocket) }, systemClock);
    expect(lines.at(-1)).toMatchObject({
      step: 'broker answer',
      result: 'wrong',
      words: expect.stringContaining(words),
      remedy: expect.stringMatching(/\S/),
    });
  });
});

describe('a broker by TLS', () => {
  test('shows a certificate, whose end is told', async () => {
    const { url, caFile } = await secure(peer(connack(4), true).onSocket);
    const lines = await checkBroker({ ...WAY, url, caFile }, systemClock);
    expect(results(lines)).toEqual(['broker name: ok', 'broker connection: ok', 'broker TLS: ok', 'broker answer: ok']);
    expect(lines[2]?.words).toMatch(/of "127\.0\.0\.1".* ends on \d{4}-\d\d-\d\d, is trusted/);
  });

  test('is told nothing where it is not trusted', async () => {
    const { onSocket, heard } = peer(connack(4), true);
    const { url } = await secure(onSocket);
    const lines = await checkBroker({ ...WAY, url }, systemClock);
    expect(results(lines).slice(2)).toEqual(['broker TLS: wrong', 'broker answer: skipped']);
    expect([lines[2]?.remedy, heard]).toEqual([expect.stringContaining('STATEWAY_UPSTREAM_CA_FILE'), []]);
  });

  test('is reached through an HTTP proxy', async () => {
    const { url, caFile } = await secure(peer(connack(4), true).onSocket);
    const port = await openTunnels(() => ({ host: '127.0.0.1', port: Number(url.port) }));
    const lines = await checkBroker({ url, caFile, proxyUrl: `http://127.0.0.1:${port}` }, systemClock);
    expect(results(lines).slice(1)).toEqual([
      'broker connection: ok',
      'broker HTTP proxy: ok',
      'broker TLS: ok',
      'broker answer: ok',
    ]);
  });
});
