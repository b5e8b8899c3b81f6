import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { Agent, WebSocket } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { type PlannedDevice, planFleet } from '../../src/simulator/fleet-plan.js';
import { tokenOf } from '../auth/tokens.js';
import { openPassingSite } from '../helpers/passing-site.js';
import { answerAsCloud, RecordingCloud } from '../helpers/recording-cloud.js';
import { startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { Cleaner, makeCertificate, startTcp } from '../upstream/test-servers.js';

const [DEVICE] = planFleet(1, 'tls') as [PlannedDevice];
const DEVICE_PATH = `/applications/${DEVICE.applicationId}/devices/${DEVICE.deviceId}`;
const TOKEN = tokenOf('of the device');
const HEADERS = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };

/** One call over HTTPS with a certificate of one's own; the status and the body. */
async function secureCall(
  url: string,
  ca: Buffer,
  path: string,
  body?: string,
): Promise<{ status: number; text: string }> {
  const outgoing = request(url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: HEADERS,
    ca,
    agent: false,
  });
  outgoing.end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: incoming.statusCode as number, text: Buffer.concat(await incoming.toArray()).toString() };
}

test('with a certificate the device side is HTTPS and WSS, for states and for what is passed on', async () => {
  const { certFile, keyFile } = makeCertificate(temporaryDirectory());
  const ca = readFileSync(certFile);
  const { cloud, proxy } = await openPassingSite({
    answer: (request, response) => {
      if (request.url.startsWith('/me')) response.end('{"from":"the cloud"}');
      else answerAsCloud(request, response);
    },
    env: { STATEWAY_TLS_CERT_FILE: certFile, STATEWAY_TLS_KEY_FILE: keyFile },
  });
  const url = proxy.url.replace('http:', 'https:');
  expect(await secureCall(url, ca, `${DEVICE_PATH}/state`, '{"data":{"n":1}}')).toEqual({
    status: 200,
    text: '{"success":true}',
  });
  expect(await secureCall(url, ca, '/me?a=b')).toEqual({ status: 200, text: '{"from":"the cloud"}' });
  const passed = cloud.requests.find((came) => came.url === '/me?a=b');
  expect(passed?.headers['x-forwarded-proto']).toBe('https');

  const dispatcher = new Agent({ connect: { ca } });
  onTestFinished(() => dispatcher.destroy());
  const socket = new WebSocket(`${url.replace('https:', 'wss:')}${DEVICE_PATH}/state`, {
    headers: HEADERS,
    dispatcher,
  });
  await once(socket, 'open');
  socket.send('{"data":{"n":2}}');
  expect((await once(socket, 'message'))[0].data).toBe('{"ack":1}');
  socket.close();
  await expect(fetch(`${proxy.url}/me`)).rejects.toThrow();
});

test('an upstream with a certificate of its own is reached with its CA file and through the proxy of the environment, by states, log-ins and passed calls alike', async () => {
  const cleaner = new Cleaner();
  onTestFinished(() => cleaner.run());
  const { certFile, keyFile } = makeCertificate(temporaryDirectory());
  const cloud = await RecordingCloud.open({
    tls: { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') },
  });
  const tunnels: string[] = [];
  const httpProxyPort = await startTcp(cleaner, (socket) => {
    socket.once('data', (head) => {
      tunnels.push(head.toString().split('\r\n', 1)[0] as string);
      const far = connect(Number(new URL(cloud.url).port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        socket.pipe(far).pipe(socket);
      });
      far.on('error', () => socket.destroy());
      socket.on('close', () => far.destroy());
    });
  });
  const start = (env: Record<string, string>) =>
    startProxy({ upstreamUrl: cloud.url, dataDir: temporaryDirectory(), env: { STATEWAY_WINDOW_MS: '0', ...env } });
  const trusting = await start({
    STATEWAY_UPSTREAM_CA_FILE: certFile,
    HTTPS_PROXY: `http://127.0.0.1:${httpProxyPort}`,
  });
  onTestFinished(() => trusting.kill());

  expect((await fetch(`${trusting.url}/me`)).status).toBe(200);
  await fetch(`${trusting.url}/auth/device`, { method: 'POST', headers: HEADERS, body: '{}' });
  const state = await fetch(`${trusting.url}${DEVICE_PATH}/state`, {
    method: 'POST',
    headers: HEADERS,
    body: '{"data":{"n":1}}',
  });
  expect(state.status).toBe(200);
  const lines = () => cloud.requests.map(({ method, url }) => `${method} ${url}`);
  await expect.poll(lines).toEqual(['GET /me', 'POST /auth/device', `GET ${DEVICE_PATH}`, `POST ${DEVICE_PATH}/state`]);
  // The states and the passed calls have connections of their own.
  expect(tunnels.length).toBeGreaterThanOrEqual(2);
  expect(new Set(tunnels)).toEqual(new Set([`CONNECT ${new URL(cloud.url).host} HTTP/1.1`]));

  const distrusting = await start({});
  onTestFinished(() => distrusting.kill());
  const seen = cloud.requests.length;
  const refused = await fetch(`${distrusting.url}/me`);
  expect(refused.status).toBe(502);
  expect(((await refused.json()) as { message: string }).message).toContain('SELF_SIGNED');
  expect(cloud.requests.length).toBe(seen);
});
