import { lookup as realLookup } from 'node:dns';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/core/time/clock.js';
import { ATTEMPT_DELAY_MS, Dialer } from '../../src/upstream/dialer.js';
import { GivenUp } from '../../src/upstream/failure-reason.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { SilentAddresses } from '../helpers/silent-addresses.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { makeCertificate } from './test-servers.js';

const NAME = 'cloud.plant.invalid';
const TIMEOUT_MS = 10_000;
const SILENT = '127.0.0.2';
const LIVE = '127.0.0.3';

vi.mock('node:dns', async (original) => {
  const real = await original<typeof import('node:dns')>();
  return { ...real, lookup: vi.fn() };
});
const lookup = realLookup as unknown as ReturnType<typeof vi.fn>;
afterEach(() => void lookup.mockReset());

/** From now on the name has these addresses, in the order of the resolver. */
function resolvesTo(...addresses: string[]): void {
  lookup.mockImplementation((_name, _options, callback) =>
    setImmediate(
      callback,
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    ),
  );
}

async function listen(server: Server, host = LIVE, port = 0): Promise<number> {
  server.on('connection', (socket: Socket) => socket.on('error', () => {}));
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return (server.address() as AddressInfo).port;
}

interface Dial {
  readonly dialer: Dialer;
  /** @returns the address that took the connection */
  open(): Promise<string>;
}

function dialTo(port: number, clock: Clock, certFile?: string): Dial {
  const dialer = new Dialer(clock);
  const trust = certFile === undefined ? undefined : createSecureContext({ ca: readFileSync(certFile, 'utf8') });
  const connect = dialer.connector({ timeoutMs: TIMEOUT_MS, trust });
  const protocol = certFile === undefined ? 'http:' : 'https:';
  const open = () =>
    new Promise<string>((resolve, reject) => {
      // The certificate is for 127.0.0.1.
      const target = { hostname: NAME, protocol, port: String(port), servername: '127.0.0.1' };
      connect({ ...target, ...(certFile === undefined ? {} : { host: '127.0.0.1' }) }, (error, socket) => {
        if (error !== null) return void reject(error);
        resolve((socket as Socket).remoteAddress ?? '');
        (socket as Socket).destroy();
      });
    });
  return { dialer, open };
}

it('gives an address as long as it takes, while the others are tried beside it', async () => {
  // Nothing listens at the others; the last is what a name has that has IPv6, where there is none.
  const probe = createServer();
  const port = await listen(probe, '127.0.0.4');
  const silent = await SilentAddresses.open([SILENT], port);
  resolvesTo(SILENT, '::1', LIVE);
  const clock = new FakeClock();
  const opened = dialTo(port, clock).open();
  await clock.advance(8 * ATTEMPT_DELAY_MS);
  // Its SYN comes again, after one second.
  silent.answer();
  expect(await opened).toBe(SILENT);
});

it('passes over an address that says nothing, and tries it last from then on', async () => {
  const port = await listen(createServer());
  await SilentAddresses.open([SILENT], port);
  resolvesTo(SILENT, LIVE);
  const clock = new FakeClock();
  const { open } = dialTo(port, clock);
  const first = open();
  await clock.advance(ATTEMPT_DELAY_MS);
  expect(await first).toBe(LIVE);
  // Without a wait: the clock stands still.
  expect(await open()).toBe(LIVE);
  expect(clock.pendingTimers).toBe(0);
});

it('gives an address more of a start where the last connection took long', async () => {
  const [OTHER, SLOW_MS] = ['127.0.0.4', 600];
  const port = await listen(createServer());
  const slow = await SilentAddresses.open([SILENT], port);
  await SilentAddresses.open([OTHER], port);
  const clock = new FakeClock();
  const { open } = dialTo(port, clock);
  resolvesTo(SILENT);
  const first = open();
  await clock.advance(SLOW_MS);
  slow.answer();
  expect(await first).toBe(SILENT);
  resolvesTo(OTHER, LIVE);
  const second = open();
  await clock.advance(2 * SLOW_MS - 1);
  // The limit of the whole, and the start of the next attempt.
  expect(clock.pendingTimers).toBe(2);
  await clock.advance(1);
  expect(await second).toBe(LIVE);
});

it('reaches the last of many addresses within half of its time', async () => {
  const port = await listen(createServer());
  const silent = Array.from({ length: 7 }, (_, index) => `127.0.1.${index + 1}`);
  await SilentAddresses.open(silent, port);
  resolvesTo(...silent, LIVE);
  const clock = new FakeClock();
  const opened = dialTo(port, clock).open();
  for (let index = 0; index < silent.length; index++) await clock.advance(ATTEMPT_DELAY_MS);
  expect(await opened).toBe(LIVE);
  expect(clock.monotonicMs()).toBeLessThanOrEqual(TIMEOUT_MS / 2);
});

it('tells every address where none takes it, and asks for them again the next time', async () => {
  const gone = createServer();
  const port = await listen(gone, '127.0.0.4');
  resolvesTo('127.0.0.5', '127.0.0.6');
  const { open } = dialTo(port, systemClock);
  await expect(open()).rejects.toMatchObject({ code: 'ECONNREFUSED', message: /127\.0\.0\.5.*127\.0\.0\.6/ });
  resolvesTo('127.0.0.4');
  expect(await open()).toBe('127.0.0.4');
});

it('ends after its time, whatever is under way', async () => {
  const probe = createServer();
  const port = await listen(probe);
  await SilentAddresses.open([SILENT], port);
  const clock = new FakeClock();
  const { open } = dialTo(port, clock);
  const fails = async () => {
    const failed = open().catch((error: unknown) => error);
    await clock.advance(TIMEOUT_MS);
    return await failed;
  };
  resolvesTo(SILENT);
  const silent = (await fails()) as GivenUp;
  expect(silent).toBeInstanceOf(GivenUp);
  expect(silent).toMatchObject({ reason: 'timeout', message: expect.stringContaining(`no answer from ${SILENT}`) });
  lookup.mockImplementation(() => {});
  expect(await fails()).toMatchObject({ reason: 'dns', message: expect.stringContaining('resolver') });
  expect(clock.pendingTimers).toBe(0);
});

it('asks the resolver once for what is opened at the same time', async () => {
  const port = await listen(createServer());
  resolvesTo(LIVE);
  const { open } = dialTo(port, systemClock);
  await Promise.all([open(), open(), open()]);
  expect(lookup).toHaveBeenCalledTimes(1);
  await open();
  expect(lookup).toHaveBeenCalledTimes(2);
});

it('tries an address last at which TLS fails, within the same time', async () => {
  const { keyFile, certFile } = makeCertificate(temporaryDirectory());
  const options = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
  const port = await listen(createHttpsServer(options));
  // Takes connections, and then says nothing, or hangs up.
  let onSocket = (_socket: Socket): void => {};
  await listen(
    createServer((socket) => onSocket(socket)),
    SILENT,
    port,
  );
  resolvesTo(SILENT, LIVE);
  const clock = new FakeClock();
  const silent = dialTo(port, clock, certFile);
  const failed = silent.open().catch((error: unknown) => error);
  await expect.poll(() => clock.pendingTimers, { interval: 5 }).toBe(1);
  await clock.advance(TIMEOUT_MS);
  expect(await failed).toMatchObject({ reason: 'timeout', message: expect.stringContaining(SILENT) });
  expect(await silent.open()).toBe(LIVE);
  onSocket = (socket) => void socket.destroy();
  const hangingUp = dialTo(port, systemClock, certFile);
  await expect(hangingUp.open()).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(await hangingUp.open()).toBe(LIVE);
});

it('goes elsewhere when told that what took its connections is of no use', async () => {
  const port = await listen(createServer());
  await listen(createServer(), SILENT, port);
  resolvesTo(SILENT, LIVE);
  const { dialer, open } = dialTo(port, systemClock);
  expect(await open()).toBe(SILENT);
  dialer.distrust();
  expect(await open()).toBe(LIVE);
});

it('leaves nothing behind when it is closed', async () => {
  const port = await listen(createServer());
  await SilentAddresses.open([SILENT], port);
  resolvesTo(SILENT, '127.0.0.4');
  const clock = new FakeClock();
  const { dialer, open } = dialTo(port, clock);
  const failed = open().catch((error: unknown) => error);
  await expect.poll(() => clock.pendingTimers, { interval: 5 }).toBe(2);
  dialer.close();
  expect(await failed).toBeInstanceOf(GivenUp);
  expect(clock.pendingTimers).toBe(0);
});

it.each([false, true])('closes what it has opened as well, whoever holds it; by TLS: %s', async (isSecure) => {
  const { keyFile, certFile } = makeCertificate(temporaryDirectory());
  const secure = createHttpsServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) });
  const port = await listen(isSecure ? secure : createServer());
  resolvesTo(LIVE);
  const dialer = new Dialer(systemClock);
  const trust = isSecure ? createSecureContext({ ca: readFileSync(certFile, 'utf8') }) : undefined;
  const connect = dialer.connector({ timeoutMs: TIMEOUT_MS, trust });
  const protocol = isSecure ? 'https:' : 'http:';
  const target = { hostname: NAME, protocol, port: String(port), host: '127.0.0.1', servername: '127.0.0.1' };
  const socket = await new Promise<Socket>((resolve, reject) =>
    connect(target, (error, opened) => (error === null ? resolve(opened as Socket) : reject(error))),
  );
  dialer.close();
  await once(socket, 'close');
});
