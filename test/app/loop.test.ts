import { connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'vitest';
import { openPassingSite } from '../helpers/passing-site.js';
import { OPCODE, RawWebSocket } from '../helpers/raw-websocket.js';
import { GREETING_PATH, RecordingCloud } from '../helpers/recording-cloud.js';
import { type ProxyOptions, type RunningProxy, startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { atEnd, expect, sharedByTests } from '../helpers/test-scope.js';

const DEVICE = '/applications/5a0000000000000000000001/devices/5b0000000000000000000001';
const LOOP = { type: 'BadGateway', message: expect.stringContaining('has come through a Stateway already') };

interface Loop {
  readonly proxy: RunningProxy;
  readonly port: number;
  /** Connections that the proxy has opened to where it takes its cloud to be, but for those of greetings. */
  rounds(): number;
  /** From now on that is the proxy itself. */
  close(): void;
}

interface LoopOptions {
  /** The cloud to begin with; the proxy itself unless given. */
  readonly cloudPort?: number;
  /** What the proxy is started with, by where its cloud is to be found. */
  readonly start?: (url: string) => Pick<ProxyOptions, 'upstreamUrl' | 'env'>;
}

/** A proxy whose cloud is itself, as a name in the plant's DNS may make it. */
async function openLoop({ cloudPort, start = (upstreamUrl) => ({ upstreamUrl }) }: LoopOptions = {}): Promise<Loop> {
  let port = cloudPort ?? 0;
  let rounds = 0;
  const sockets = new Set<Socket>();
  const relay = createServer((near) => {
    near.once('data', (head: Buffer) => {
      if (!head.includes(GREETING_PATH)) rounds++;
    });
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(relay.address() as { port: number }).port}`;
  const proxy = await startProxy({ ...start(url), dataDir: temporaryDirectory() });
  const ownPort = Number(new URL(proxy.url).port);
  const close = () => {
    port = ownPort;
    for (const socket of sockets) socket.destroy();
  };
  if (cloudPort === undefined) close();
  atEnd(async () => {
    await proxy.kill();
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  return { proxy, port: ownPort, rounds: () => rounds, close };
}

const JSON_BODY = { 'content-type': 'application/json' };
const STATE = { method: 'POST', headers: { ...JSON_BODY, authorization: 'Bearer a' }, body: '{"data":{"n":1}}' };

test.concurrent('a proxy whose cloud is itself says so at the first turn, whatever it is asked', async () => {
  const { proxy, rounds } = await openLoop();
  const passed = await fetch(`${proxy.url}/me`);
  expect({ status: passed.status, body: await passed.json() }).toEqual({ status: 502, body: LOOP });
  expect(rounds()).toBe(1);
  const login = await fetch(`${proxy.url}/auth/device`, { method: 'POST', body: '{"deviceId":"a"}' });
  expect({ status: login.status, body: await login.json() }).toEqual({ status: 502, body: LOOP });
  expect(rounds()).toBe(2);
  const state = await fetch(`${proxy.url + DEVICE}/state`, STATE);
  expect(state.status).toBe(503);
  expect(rounds()).toBeLessThan(5);
});

describe.concurrent('a proxy whose cloud is itself opens one connection for each thing that it asks', () => {
  test.each([
    ['an upload', (url: string) => fetch(`${url}/files`, { method: 'PUT', body: 'x'.repeat(100_000) })],
    ['an event stream', (url: string) => fetch(`${url + DEVICE}/commandStream`)],
    [
      'a stream of topics',
      (url: string) => fetch(`${url}/applications/${DEVICE.slice(14, 38)}/mqttSubscriptionStream`),
    ],
    ['a read of the device', (url: string) => fetch(url + DEVICE, { headers: STATE.headers })],
    ['a state', (url: string) => fetch(`${url + DEVICE}/state`, STATE)],
  ])('%s', async (_name, ask) => {
    const { proxy, rounds } = await openLoop();
    const answer = await ask(proxy.url).catch(() => undefined);
    expect(answer?.ok ?? false).toBe(false);
    expect(rounds()).toBe(1);
  });

  test('an upgrade', async () => {
    const { port, rounds } = await openLoop();
    const { upgrade } = await RawWebSocket.open(port, `${DEVICE}/state`, { Authorization: 'Bearer a' });
    expect(upgrade.status).toBe(503);
    expect(rounds()).toBe(1);
  });

  test("the devices of a gateway's frame", async () => {
    const { port, rounds } = await openLoop();
    const socket = await RawWebSocket.open(port, `${DEVICE.slice(0, 38)}/state`, { Authorization: 'Bearer a' });
    if (socket.upgrade.status === 101) {
      const deviceIds = [1, 2, 3].map((n) => `5b000000000000000000000${n}`);
      await socket.send(OPCODE.text, JSON.stringify(deviceIds.map((deviceId) => ({ deviceId, data: { n: 1 } }))));
      expect(JSON.parse((await socket.nextFrame()).payload.toString())).toMatchObject({
        error: { type: 'Unavailable' },
      });
    }
    expect(rounds()).toBeLessThanOrEqual(3);
  });

  test('a call and a question, where it is its own proxy', async () => {
    const start = (url: string) => ({ upstreamUrl: 'https://cloud.invalid', env: { HTTPS_PROXY: url } });
    const { proxy, rounds } = await openLoop({ start });
    const answers = await Promise.all([fetch(`${proxy.url}/me`), fetch(`${proxy.url + DEVICE}/state`, STATE)]);
    expect(answers.map(({ status }) => status)).toEqual([502, 503]);
    const metrics = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
    const failures = [...metrics.matchAll(/^stateway_upstream_failures_total\{.*\} (\d+)$/gm)];
    const calls = failures.reduce((sum, [, count]) => sum + Number(count), 0);
    // Of a tunnel nobody sees what it is for: one for each call and each greeting, of which one may be under way.
    expect(rounds()).toBeLessThanOrEqual(calls + 1);
  });

  test('a call, through another one', async () => {
    const { proxy, rounds } = await openLoop();
    const other = await startProxy({ upstreamUrl: proxy.url, dataDir: temporaryDirectory() });
    atEnd(() => other.kill());
    const answer = await fetch(`${other.url}/me`);
    expect({ status: answer.status, body: await answer.json() }).toEqual({ status: 502, body: LOOP });
    expect(rounds()).toBe(0);
  });
});

test.concurrent('a cloud that comes to lead back here takes nothing from the proxy, whose states are kept', async () => {
  const cloud = await RecordingCloud.open();
  const { proxy, rounds, close } = await openLoop({ cloudPort: cloud.port });
  const post = async (token: string) => {
    const headers = { ...JSON_BODY, authorization: `Bearer ${token}` };
    return (await fetch(`${proxy.url + DEVICE}/state`, { ...STATE, headers })).status;
  };
  expect(await post('a')).toBe(200);
  await expect.poll(() => cloud.requests.filter(({ method }) => method === 'POST').length).toBe(1);
  const before = rounds();
  close();
  expect(await post('b')).toBe(503);
  expect(await post('a')).toBe(200);
  const metrics = async () => (await fetch(`${proxy.adminUrl}/metrics`)).text();
  await expect.poll(metrics).toMatch(/^stateway_upstream_requests_total\{code="502"\} [1-9]/m);
  expect(await metrics()).toMatch(/^stateway_spool_states 1$/m);
  expect(rounds() - before).toBeLessThanOrEqual(5);
});

describe('a request that says where it has been', () => {
  const shared = sharedByTests(() =>
    openPassingSite({ answer: (_request, response) => response.writeHead(404).end() }),
  );

  test.each([
    ['1.1 stateway', true],
    ['1.0 fred, 1.1 Stateway (plant 7)', true],
    ['HTTP/1.1 stateway,1.1 other', true],
    ['1.1 stateway.example', false],
    ['1.1 other (stateway)', false],
  ])('Via: %s', async (via, isLoop) => {
    const { cloud, proxy, port } = shared();
    const before = cloud.requests.length;
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
    expect(cloud.requests.length > before).toBe(!isLoop);
  });
});

test.concurrent('every call of the proxy’s own says who it is', async () => {
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
