import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { RefusalRing } from '../../../src/core/metering/refusal-ring.js';
import { StrangerLines } from '../../../src/front/mqtt/stranger-lines.js';
import type { TcpLine } from '../../../src/front/mqtt/tcp-line.js';
import { TcpListener } from '../../../src/front/mqtt/tcp-listener.js';
import { TlsFailures } from '../../../src/front/mqtt/tls-failures.js';
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
  const refusals = new RefusalRing(clock);
  const failures = new TlsFailures(clock, refusals);
  const failed = new Arrivals<string | undefined>();
  const onNoHandshake = (address: string, code: string | undefined): void => {
    failures.note(address, code);
    failed.add(code);
  };
  const listener = new TcpListener({ host: '127.0.0.1', port: 0, tls, clock, strangers, onLine, onNoHandshake });
  onTestFinished(() => {
    listener.close();
    listener.cutAll();
  });
  const port = await listener.listen();
  return { clock, failed, lines, listener, refusals, port, strangers, ca: readFileSync(tls.certFile) };
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

/** Sends what is no handshake, or nothing, and waits for the end. */
async function sayOnly(port: number, bytes: string): Promise<void> {
  const client = connectTcp({ host: '127.0.0.1', port }).on('error', () => {});
  client.resume();
  if (bytes === '') client.end();
  else client.write(bytes);
  await closed(client);
}

it.each([
  ['speaks plain MQTT', (port: number) => sayOnly(port, '\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04abcd'), /is no TLS/],
  ['speaks HTTP', (port: number) => sayOnly(port, 'GET / HTTP/1.1\r\n\r\n'), /is no TLS/],
  [
    'does not trust the certificate',
    (port: number) => shakeHands(port),
    /authority that STATEWAY_TLS_CERT_FILE is from/,
  ],
])('a client that %s is listed by its address, with what to do, once a minute', async (_what, fail, message) => {
  const { clock, failed, port, refusals } = await listening();
  for (let tries = 0; tries < 3; tries++) {
    await fail(port);
    await failed.next();
  }
  const refused = {
    code: 'STATEWAY_MQTT_MALFORMED',
    address: '127.0.0.1',
    deviceId: '',
    message: expect.stringMatching(message),
  };
  expect(refusals.recent()).toMatchObject([{ ...refused, count: 1 }]);
  await clock.advance(60_000);
  await fail(port);
  await failed.next();
  expect(refusals.recent()).toMatchObject([{ ...refused, count: 2 }]);
});

it.each([
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /does not accept the certificate/],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', /does not accept the certificate/],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', /TLS 1.2 or newer/],
  ['ERR_SSL_NO_SHARED_CIPHER', /no cipher/],
])('a handshake that fails with %s says why', (code, message) => {
  const clock = new FakeClock();
  const refusals = new RefusalRing(clock);
  const failures = new TlsFailures(clock, refusals);
  failures.note('192.0.2.7', 'ECONNRESET');
  failures.note('192.0.2.7', code);
  expect(refusals.recent()).toMatchObject([{ address: '192.0.2.7', message: expect.stringMatching(message) }]);
});

it('whoever only looks whether the port is open is not listed', async () => {
  const { failed, port, refusals, strangers } = await listening();
  await sayOnly(port, '');
  await until(() => strangers.size === 0);
  // Had it been told of, it would be before this one.
  await sayOnly(port, 'GET / HTTP/1.1\r\n\r\n');
  expect(await failed.next()).toMatch(/HTTP_REQUEST/);
  expect(refusals.recent()).toMatchObject([{ count: 1 }]);
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
