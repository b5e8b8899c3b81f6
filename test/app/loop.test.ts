import { connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openPassingSite } from '../helpers/passing-site.js';
import { RawWebSocket } from '../helpers/raw-websocket.js';
import { type RunningProxy, startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const DEVICE = '/applications/5a0000000000000000000001/devices/5b0000000000000000000001';
const LOOP = { type: 'BadGateway', message: expect.stringContaining('has come through a Stateway already') };

/** A proxy whose cloud is itself, as a name in the plant's DNS may make it. */
async function openLoop(): Promise<{ proxy: RunningProxy; rounds: () => number }> {
  let port = 0;
  let rounds = 0;
  const sockets = new Set<Socket>();
  const relay = createServer((near) => {
    rounds++;
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const upstreamUrl = `http://127.0.0.1:${(relay.address() as { port: number }).port}`;
  const proxy = await startProxy({ upstreamUrl, dataDir: temporaryDirectory() });
  port = Number(new URL(proxy.url).port);
  onTestFinished(async () => {
    await proxy.kill();
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  return { proxy, rounds: () => rounds };
}

test('a proxy whose cloud is itself says so at the first turn, whatever it is asked', async () => {
  const { proxy, rounds } = await openLoop();
  const passed = await fetch(`${proxy.url}/me`);
  expect({ status: passed.status, body: await passed.json() }).toEqual({ status: 502, body: LOOP });
  expect(rounds()).toBe(1);
  const login = await fetch(`${proxy.url}/auth/device`, { method: 'POST', body: '{"deviceId":"a"}' });
  expect({ status: login.status, body: await login.json() }).toEqual({ status: 502, body: LOOP });
  expect(rounds()).toBe(2);
  const state = await fetch(`${proxy.url + DEVICE}/state`, {
    method: 'POST',
    headers: { authorization: 'Bearer a', 'content-type': 'application/json' },
    body: '{"data":{"n":1}}',
  });
  expect(state.status).toBe(503);
  expect(rounds()).toBeLessThan(5);
});

test.each([
  ['1.1 stateway', true],
  ['1.0 fred, 1.1 Stateway (plant 7)', true],
  ['HTTP/1.1 stateway,1.1 other', true],
  ['1.1 stateway.example', false],
  ['1.1 other (stateway)', false],
])('Via: %s', async (via, isLoop) => {
  const { cloud, proxy, port } = await openPassingSite({
    answer: (_request, response) => response.writeHead(404).end(),
  });
  for (const [method, path] of [
    ['GET', '/me'],
    ['GET', DEVICE],
    ['POST', '/auth/device'],
    ['POST', `${DEVICE}/state`],
  ] as const) {
    const answer = await fetch(proxy.url + path, {
      method,
      headers: { via, authorization: 'Bearer a', 'content-type': 'application/json' },
      ...(method === 'POST' && { body: '{"data":{}}' }),
    });
    if (isLoop) expect({ status: answer.status, body: await answer.json() }).toEqual({ status: 502, body: LOOP });
    else expect(answer.status).not.toBe(502);
  }
  if (isLoop) {
    const { upgrade } = await RawWebSocket.open(port, `${DEVICE}/state`, { Via: via, Authorization: 'Bearer a' });
    expect(upgrade.status).toBe(502);
  }
  expect(cloud.requests.length > 0).toBe(!isLoop);
});

test('every call of the proxy’s own says who it is', async () => {
  const { cloud, proxy } = await openPassingSite({
    answer: ({ method }, response) =>
      method === 'GET'
        ? response.end(JSON.stringify({ id: DEVICE.slice(-24), deviceId: DEVICE.slice(-24) }))
        : response.end('{"success":true}'),
  });
  await fetch(`${proxy.url + DEVICE}/state`, {
    method: 'POST',
    headers: { authorization: 'Bearer a', 'content-type': 'application/json' },
    body: '{"data":{"n":1}}',
  });
  for (let n = 0; n < 2; n++) expect((await cloud.nextRequest()).headers.via).toBe('1.1 stateway');
});
