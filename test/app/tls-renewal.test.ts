import { once } from 'node:events';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Agent as HttpsAgent, type RequestOptions, request } from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Agent, WebSocket } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Status } from '../../src/admin/status-page/status-shape.js';
import { verdictOf } from '../../src/admin/status-page/verdict.js';
import { pickUws } from '../../src/front/uws.js';
import { type PlannedDevice, planFleet } from '../../src/simulator/fleet-plan.js';
import { tokenOf } from '../auth/tokens.js';
import { later } from '../helpers/promises.js';
import { RecordingCloud } from '../helpers/recording-cloud.js';
import { type RunningProxy, startProxy, tryStart } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { makeCertificate } from '../upstream/test-servers.js';

const [DEVICE] = planFleet(1, 'tls-renewal') as [PlannedDevice];
const STATE_PATH = `/applications/${DEVICE.applicationId}/devices/${DEVICE.deviceId}/state`;
const HEADERS = { authorization: `Bearer ${tokenOf('of the device')}`, 'content-type': 'application/json' };
const OLDER = fileURLToPath(new URL('../helpers/older-uws-preload.cjs', import.meta.url));

/** Of uWebSockets.js: the one that this machine takes, and the older one where that is another and loads here too. */
const TAKEN = pickUws().name;
const OLDER_NAME = '@trufflesuite/uws-js-unofficial@20.30.0-unofficial.0';
const BUILDS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  [TAKEN, {}],
  ...(TAKEN === OLDER_NAME || !loadsOlder() ? [] : [[OLDER_NAME, { NODE_OPTIONS: `--require=${OLDER}` }] as const]),
];

function loadsOlder(): boolean {
  const { platform, arch, versions } = process;
  try {
    createRequire(import.meta.url)(`uws-compat/binaries/uws_${platform}_${arch}_${versions.modules}.node`);
    return true;
  } catch {
    return false;
  }
}

interface Pair {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A proxy that speaks TLS, whose files can be replaced. */
interface TlsSite {
  readonly proxy: RunningProxy;
  readonly files: Pair;
  readonly port: number;
  /** Puts a pair in the place of the other, each file at once. */
  put(pair: Pair): void;
  happened(event: string): () => number;
}

async function openTlsSite(first: Pair, env: Readonly<Record<string, string>> = {}): Promise<TlsSite> {
  const directory = temporaryDirectory();
  const files = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') };
  const put = ({ certFile, keyFile }: Pair): void => {
    for (const [from, to] of [
      [keyFile, files.keyFile],
      [certFile, files.certFile],
    ] as const) {
      copyFileSync(from, `${to}.new`);
      renameSync(`${to}.new`, to);
    }
  };
  put(first);
  const cloud = await RecordingCloud.open();
  const tls = { STATEWAY_TLS_CERT_FILE: files.certFile, STATEWAY_TLS_KEY_FILE: files.keyFile };
  const proxy = await startProxy({ upstreamUrl: cloud.url, dataDir: temporaryDirectory(), env: { ...tls, ...env } });
  onTestFinished(() => proxy.kill());
  const happened = (name: string) => () => proxy.log.filter(({ event }) => event === name).length;
  return { proxy, files, put, happened, port: Number(new URL(proxy.url).port) };
}

const newPair = (): Pair => makeCertificate(temporaryDirectory());
const pemOf = ({ certFile }: Pair): string => readFileSync(certFile, 'utf8');

/** What a new connection is shown, in PEM. */
async function shownAt(port: number): Promise<string> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return raw.toString('base64');
}

/** Connections that are made at one time. */
const AT_ONCE = 4;
const EVERY_MS = 100;

const base64Of = (pair: Pair): string => pemOf(pair).replace(/-----[A-Z ]+-----|\s/g, '');

/** How a request comes to its connection. */
type Way = Pick<RequestOptions, 'agent' | 'createConnection'>;

async function post(port: number, ca: readonly string[], way: Way): Promise<number | undefined> {
  const outgoing = request({
    host: '127.0.0.1',
    port,
    path: STATE_PATH,
    method: 'POST',
    headers: HEADERS,
    ca: [...ca],
    ...way,
  });
  outgoing.end('{"data":{"n":1}}');
  const [incoming] = await once(outgoing, 'response');
  incoming.resume();
  await once(incoming, 'end');
  return incoming.statusCode;
}

/** Requests that are sent one after the other, until it is over. */
class Load {
  readonly statuses: (number | undefined)[] = [];
  /** Connections that were reset before TLS, of which nothing was sent. */
  resets = 0;
  isOver = false;

  /** All on the one connection of an agent. */
  async keepUsing(agent: HttpsAgent, port: number, ca: readonly string[]): Promise<void> {
    for (; !this.isOver; await pause(EVERY_MS)) this.statuses.push(await post(port, ca, { agent }));
  }

  /** Each on a connection of its own. */
  async keepPosting(port: number, ca: readonly string[]): Promise<void> {
    while (!this.isOver) {
      const socket = await this.#connect(port, ca);
      if (socket !== undefined) this.statuses.push(await post(port, ca, { createConnection: () => socket }));
    }
  }

  /** @returns undefined when the connection was reset before TLS */
  async #connect(port: number, ca: readonly string[]): Promise<TLSSocket | undefined> {
    const socket = connect({ host: '127.0.0.1', port, ca: [...ca] });
    try {
      await once(socket, 'secureConnect');
      return socket;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
      this.resets++;
      return undefined;
    }
  }
}

describe.each(BUILDS)('on %s', (build, env) => {
  test('a certificate that is renewed under load is shown to new connections, and no request fails', async () => {
    const [first, second] = [newPair(), newPair()];
    const mqtt = { STATEWAY_MQTT_TLS_LISTEN: '127.0.0.1:0' };
    const { proxy, port, put, happened } = await openTlsSite(first, { ...env, ...mqtt });
    const ready = proxy.log.find(({ event }) => event === 'ready');
    expect(ready?.uws).toBe(build);
    const mqttPort = Number(String(ready?.mqttTlsListen).split(':')[1]);
    expect(await shownAt(mqttPort)).toBe(base64Of(first));
    const ca = [pemOf(first), pemOf(second)];
    // Open before, and used all the time: the web server closes one that is silent for 8 s.
    const kept = new HttpsAgent({ keepAlive: true, maxSockets: 1 });
    const dispatcher = new Agent({ connect: { ca } });
    onTestFinished(() => kept.destroy());
    onTestFinished(() => dispatcher.destroy());
    expect(await post(port, ca, { agent: kept })).toBe(200);
    const keptSocket = Object.values(kept.freeSockets)[0]?.[0];
    const use = new Load();
    const using = later(use.keepUsing(kept, port, ca));
    const socket = new WebSocket(`wss://127.0.0.1:${port}${STATE_PATH}`, { headers: HEADERS, dispatcher });
    await once(socket, 'open');

    const load = new Load();
    const { statuses } = load;
    const loops = Array.from({ length: AT_ONCE }, () => load.keepPosting(port, ca));
    const enough = (more: number) => expect.poll(() => statuses.length, { timeout: 30_000 }).toBeGreaterThan(more);
    await enough(20);
    put(second);
    proxy.process.kill('SIGHUP');
    await expect.poll(happened('certificate-renewed'), { timeout: 30_000 }).toBe(1);
    await enough(statuses.length + 20);
    load.isOver = true;
    await Promise.all(loops);
    expect(new Set(statuses)).toEqual(new Set([200]));
    // The kernel resets what it divided to the former server and that did not accept: seldom one, on a busy machine, and never
    // more than are on their way at one time.
    expect(load.resets).toBeLessThanOrEqual(AT_ONCE);

    for (let i = 0; i < 20; i++) expect(await shownAt(port)).toBe(base64Of(second));
    expect(await shownAt(mqttPort)).toBe(base64Of(second));
    use.isOver = true;
    await using;
    expect(new Set(use.statuses)).toEqual(new Set([200]));
    expect(await post(port, ca, { agent: kept })).toBe(200);
    // Its whole state in words would say nothing.
    expect(Object.values(kept.freeSockets)[0]?.[0] === keptSocket).toBe(true);
    socket.send('{"data":{"n":2}}');
    expect((await once(socket, 'message'))[0].data).toBe('{"ack":1}');
    socket.close();
    expect(await proxy.stop()).toBe(0);
  });

  test('a pair that is no good is refused with its reason, and the former one stays', async () => {
    const [first, second] = [newPair(), newPair()];
    const { proxy, port, files, put, happened } = await openTlsSite(first, env);
    const refused = () => proxy.log.filter(({ event }) => event === 'certificate-refused').map(({ reason }) => reason);
    copyFileSync(second.certFile, files.certFile);
    proxy.process.kill('SIGHUP');
    await expect.poll(refused, { timeout: 30_000 }).toEqual(['certificate and key do not belong together']);
    writeFileSync(files.certFile, 'no certificate');
    proxy.process.kill('SIGHUP');
    await expect.poll(() => refused()[1], { timeout: 30_000 }).toBe('the certificate file holds no PEM certificate');
    const status = (await (await fetch(`${proxy.adminUrl}/status`)).json()) as Status;
    expect(status.certificate?.refusal).toBe('the certificate file holds no PEM certificate');
    expect(await shownAt(port)).toBe(base64Of(first));
    put(second);
    proxy.process.kill('SIGHUP');
    await expect.poll(happened('certificate-renewed'), { timeout: 30_000 }).toBe(1);
    expect(await shownAt(port)).toBe(base64Of(second));
    expect(refused()).toHaveLength(2);
  });
});

test('a certificate that is about to end is told by log, metric and page', async () => {
  const { proxy } = await openTlsSite(newPair());
  // It lasts for two days.
  await expect.poll(() => proxy.log.filter(({ event }) => event === 'certificate-ending')).toHaveLength(1);
  const metrics = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
  const [, seconds] = /^stateway_tls_cert_expiry_seconds\{side="device"\} (\S+)$/m.exec(metrics) ?? [];
  expect(Number(seconds)).toBeGreaterThan(86_400);
  expect(Number(seconds)).toBeLessThanOrEqual(2 * 86_400);
  const status = (await (await fetch(`${proxy.adminUrl}/status`)).json()) as Status;
  const { sentence, also } = verdictOf(status);
  expect([sentence, ...also.map((remark) => remark.sentence)].join(' ')).toMatch(
    /The certificate that devices see ends in \d+ hours\./,
  );
});

test('no second proxy takes the port of one that speaks TLS', async () => {
  const pair = newPair();
  const { port, files } = await openTlsSite(pair);
  const tls = { STATEWAY_TLS_CERT_FILE: files.certFile, STATEWAY_TLS_KEY_FILE: files.keyFile };
  const env = { ...tls, STATEWAY_LISTEN: `127.0.0.1:${port}` };
  const outcome = await tryStart({ upstreamUrl: 'http://127.0.0.1:1', dataDir: temporaryDirectory(), env });
  if (outcome.kind === 'ready') await outcome.proxy.kill();
  expect(outcome).toMatchObject({ kind: 'ended', code: 1, output: expect.stringContaining('the address is in use') });
});

test('SIGHUP ends no proxy, with TLS or without', async () => {
  const cloud = await RecordingCloud.open();
  const proxy = await startProxy({ upstreamUrl: cloud.url, dataDir: temporaryDirectory() });
  onTestFinished(() => proxy.kill());
  proxy.process.kill('SIGHUP');
  await expect.poll(() => proxy.log.some(({ event }) => event === 'reload')).toBe(true);
  expect((await fetch(`${proxy.adminUrl}/readyz`)).status).toBe(200);
  expect(await proxy.stop()).toBe(0);
});
