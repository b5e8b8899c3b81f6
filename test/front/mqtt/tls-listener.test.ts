import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { StrangerLines } from '../../../src/front/mqtt/stranger-lines.js';
import type { TcpLine } from '../../../src/front/mqtt/tcp-line.js';
import { TcpListener } from '../../../src/front/mqtt/tcp-listener.js';
import { Arrivals } from '../../helpers/arrivals.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { until } from '../../helpers/front-harness.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { makeCertificate } from '../../upstream/test-servers.js';

/** Handshakes of one address that may have failed before the next one waits. */
const CREDIT = 100;

async function listening() {
  const tls = makeCertificate(temporaryDirectory(), 'DNS:localhost');
  const clock = new FakeClock();
  const lines = new Arrivals<TcpLine>();
  const strangers = new StrangerLines(500);
  const onLine = (line: TcpLine): void => {
    line.attach({ receive() {}, drained() {}, closed() {} });
    lines.add(line);
  };
  const listener = new TcpListener({ host: '127.0.0.1', port: 0, tls, clock, strangers, onLine });
  onTestFinished(() => {
    listener.close();
    listener.cutAll();
  });
  const port = await listener.listen();
  return { clock, lines, listener, port, strangers, ca: readFileSync(tls.certFile) };
}

/** However it is closed: an error of it is none of the test. */
function closed(client: Socket): Promise<void> {
  return new Promise((resolve) => void client.once('close', () => resolve()));
}

/** A client that trusts the certificate where it is given one to trust; resolves when its connection is over. */
async function shakeHands(port: number, ca?: Buffer): Promise<void> {
  const client = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ...(ca && { ca }) });
  client.on('error', () => {}).on('secureConnect', () => client.end());
  client.resume();
  await closed(client);
}

it('a client that does not trust the certificate has so many handshakes, and then waits for each', async () => {
  const { clock, ca, lines, port, strangers } = await listening();
  for (let tries = 0; tries < CREDIT; tries++) await shakeHands(port);
  await until(() => strangers.size === 0);
  let isOver = false;
  const distrusting = shakeHands(port).then(() => {
    isOver = true;
  });
  const trusting = shakeHands(port, ca);
  await until(() => strangers.size === 2);
  expect(isOver).toBe(false);
  await clock.advance(100);
  await clock.advance(100);
  await distrusting;
  expect((await lines.next()).transport).toBe('mqtts');
  await trusting;
  await until(() => strangers.size === 0);
  expect(clock.pendingTimers).toBeLessThanOrEqual(1);
});

it('a socket that says nothing is closed after ten seconds, and one that waits as well', async () => {
  const { clock, port, strangers } = await listening();
  const client = connectTcp({ host: '127.0.0.1', port }).on('error', () => {});
  client.resume();
  await until(() => strangers.size === 1);
  const gone = closed(client);
  await clock.advance(9_999);
  expect(strangers.size).toBe(1);
  await clock.advance(1);
  await gone;
  expect([strangers.size, clock.pendingTimers]).toEqual([0, 0]);
});

it('what waits and what shakes hands is closed when the port is', async () => {
  const { clock, listener, port, strangers } = await listening();
  const clients = [1, 2, 3].map(() =>
    connectTcp({ host: '127.0.0.1', port })
      .on('error', () => {})
      .resume(),
  );
  await until(() => strangers.size === 3);
  const gone = clients.map(closed);
  listener.close();
  await Promise.all(gone);
  expect([strangers.size, clock.pendingTimers]).toEqual([0, 0]);
});
