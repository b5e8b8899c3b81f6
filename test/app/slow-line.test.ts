import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { describe, test } from 'vitest';
import { ATTEMPT_DELAY_MS } from '../../src/upstream/dialer.js';
import { Arrivals } from '../helpers/arrivals.js';
import { PlantLine } from '../helpers/plant-line.js';
import { type Answering, answerAsCloud, RecordingCloud } from '../helpers/recording-cloud.js';
import { type RunningProxy, startProxy } from '../helpers/running-proxy.js';
import { SilentAddresses } from '../helpers/silent-addresses.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { atEnd, expect } from '../helpers/test-scope.js';
import { openTunnels } from '../helpers/tunnels.js';
import { makeCertificate } from '../upstream/test-servers.js';

const NAME = 'cloud.plant.invalid';
const PROXY_NAME = 'proxy.plant.invalid';
const [APPLICATION, DEVICE] = ['5a0000000000000000000001', '5b0000000000000000000001'];
const DEVICE_PATH = `/applications/${APPLICATION}/devices/${DEVICE}`;
const JSON_BODY = { 'content-type': 'application/json' };
/** Of a satellite, or a phone network at the edge of its cell. */
const ROUND_TRIP_MS = 700;

const answer: Answering = (request, response) => {
  if (request.url === '/auth/device') {
    const authed = { applicationId: APPLICATION, deviceId: DEVICE, token: 'tok.en.x', deviceClass: 'standalone' };
    response.writeHead(200, JSON_BODY).end(JSON.stringify(authed));
  } else if (request.url.endsWith('/commandStream')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
  } else {
    answerAsCloud(request, response);
  }
};

async function startOn(line: PlantLine, upstreamUrl: string, env: Record<string, string> = {}): Promise<RunningProxy> {
  const proxy = await startProxy({ upstreamUrl, dataDir: temporaryDirectory(), env: { ...line.env, ...env } });
  atEnd(() => proxy.kill());
  return proxy;
}

/** Each kind of call, all of which need a connection that none has opened before. */
async function expectAllServed(proxy: RunningProxy, cloud: RecordingCloud): Promise<void> {
  const stateOf = (token: string) => ({
    method: 'POST',
    headers: { ...JSON_BODY, authorization: `Bearer ${token}` },
    body: '{"data":{"n":1}}',
  });
  const [logIn, passed, stream, checked] = await Promise.all([
    fetch(`${proxy.url}/auth/device`, { method: 'POST', headers: JSON_BODY, body: `{"deviceId":"${DEVICE}"}` }),
    fetch(`${proxy.url}/me`),
    fetch(`${proxy.url + DEVICE_PATH}/commandStream`),
    fetch(`${proxy.url + DEVICE_PATH}/state`, stateOf('unknown')),
  ]);
  expect([logIn.status, passed.status, stream.status, checked.status]).toEqual([200, 200, 200, 200]);
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: 1\n\n');
  await reader.cancel();
  await expect
    .poll(() => cloud.requests.some(({ method, url }) => method === 'POST' && url === `${DEVICE_PATH}/state`))
    .toBe(true);
}

// As Linux sorts them where no route leads to any IPv6 address: nothing listens at ::1, so that one fails at once.
const WITHOUT_IPV6 = ['127.0.0.1', '::1'];

describe.concurrent('a round trip of 700 ms, to a name that has IPv6 addresses too where there is no IPv6', () => {
  test('serves each kind of call', async () => {
    const cloud = await RecordingCloud.open({ answer });
    const line = new PlantLine({ names: { [NAME]: WITHOUT_IPV6 }, connectMs: ROUND_TRIP_MS });
    await expectAllServed(await startOn(line, `http://${NAME}:${cloud.port}`), cloud);
  });

  test('serves each kind of call by TLS', async () => {
    const { keyFile, certFile } = makeCertificate(temporaryDirectory(), `DNS:${NAME}`);
    const tls = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
    const cloud = await RecordingCloud.open({ answer, tls });
    const line = new PlantLine({ names: { [NAME]: WITHOUT_IPV6 }, connectMs: ROUND_TRIP_MS });
    const proxy = await startOn(line, `https://${NAME}:${cloud.port}`, { STATEWAY_UPSTREAM_CA_FILE: certFile });
    await expectAllServed(proxy, cloud);
  });

  test.each(['http', 'https'])('serves each kind of call through a proxy with such a name: %s', async (scheme) => {
    const { keyFile, certFile } = makeCertificate(temporaryDirectory(), `DNS:${NAME}`);
    const tls = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
    const cloud = await RecordingCloud.open({ answer, ...(scheme === 'https' && { tls }) });
    const proxyUrl = `http://${PROXY_NAME}:${await openTunnels(() => ({ host: '127.0.0.1', port: cloud.port }))}`;
    const line = new PlantLine({ names: { [PROXY_NAME]: WITHOUT_IPV6 }, connectMs: ROUND_TRIP_MS });
    const env = { HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl, STATEWAY_UPSTREAM_CA_FILE: certFile };
    await expectAllServed(await startOn(line, `${scheme}://${NAME}:${cloud.port}`, env), cloud);
  });
});

test('addresses that say nothing do not keep out the one that answers, and later connections do not wait for them', async () => {
  const cloud = await RecordingCloud.open({ answer });
  const silent = Array.from({ length: 12 }, (_, index) => `127.0.2.${index + 1}`);
  await SilentAddresses.open(silent, cloud.port);
  const line = new PlantLine({ names: { [NAME]: [...silent, '127.0.0.1'] } });
  const proxy = await startOn(line, `http://${NAME}:${cloud.port}`);
  await expectAllServed(proxy, cloud);
  // As many at once as need connections of their own.
  const startedMs = performance.now();
  const calls = await Promise.all(Array.from({ length: 20 }, () => fetch(`${proxy.url}/me`)));
  expect(calls.map(({ status }) => status)).toEqual(Array(20).fill(200));
  // As long as it takes until all of them have been given their start.
  expect(performance.now() - startedMs).toBeLessThan(silent.length * ATTEMPT_DELAY_MS);
});

test.concurrent('a stop waits for no connection that is being made', async () => {
  // Takes connections, and says nothing to the first words of TLS.
  const begun = new Arrivals<Socket>();
  const server = createServer((socket) => begun.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => void server.close());
  const proxy = await startOn(new PlantLine(), `https://127.0.0.1:${(server.address() as { port: number }).port}`);
  const headers = { ...JSON_BODY, authorization: 'Bearer unknown' };
  const ended = Promise.allSettled([
    fetch(`${proxy.url}/me`),
    fetch(`${proxy.url + DEVICE_PATH}/state`, { method: 'POST', headers, body: '{"data":{"n":1}}' }),
  ]);
  // And the proxy's greeting.
  for (let n = 0; n < 3; n++) await begun.next();
  const startedMs = performance.now();
  expect(await proxy.stop()).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(6_000);
  await ended;
});
