import { describe, test } from 'vitest';
import { tokenOf } from '../auth/tokens.js';
import { answerAsCloud, type RecordedRequest, RecordingCloud } from '../helpers/recording-cloud.js';
import { type RunningProxy, startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { atEnd, expect } from '../helpers/test-scope.js';
import { TestSocket } from '../helpers/test-socket.js';

const APPLICATION_PATH = '/applications/5a0000000000000000000001';
const DEVICE_ID = '5b0000000000000000000001';
const DEVICE_PATH = `${APPLICATION_PATH}/devices/${DEVICE_ID}`;
const STATE_PATH = `${DEVICE_PATH}/state`;

/** Scopes by which it is granted, so that its states wait like any other. */
const OLD = tokenOf('old');
/** May send, and the cloud does not let it read: only a state shows it. */
const NEW = tokenOf('new', ['device.sendState']);

/** A proxy whose cloud lets only {@link OLD} read, and says what the test wants to states. */
class OrderSite {
  readonly dataDir = temporaryDirectory();
  /** Status for a request with states, `posts` of which have come by now. */
  statusFor: (token: string, posts: number) => number = () => 200;
  /** What the cloud has taken, in order. */
  readonly taken: number[] = [];
  proxy!: RunningProxy;
  cloud!: RecordingCloud;
  #posts = 0;
  readonly #env: Record<string, string>;

  private constructor(env: Record<string, string>) {
    this.#env = env;
  }

  static async open(env: Record<string, string> = {}): Promise<OrderSite> {
    const site = new OrderSite({ STATEWAY_WINDOW_MS: '3s', ...env });
    site.cloud = await RecordingCloud.open({
      answer: (request, response) => answerAsCloud(request, response, site.#judge(request)),
    });
    await site.start();
    atEnd(() => site.proxy.kill());
    return site;
  }

  async start(env: Record<string, string> = {}): Promise<void> {
    this.proxy = await startProxy({
      upstreamUrl: this.cloud.url,
      dataDir: this.dataDir,
      env: { ...this.#env, ...env },
    });
  }

  async post(n: number, token: string): Promise<number> {
    const response = await fetch(this.proxy.url + STATE_PATH, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ data: { n } }),
    });
    await response.arrayBuffer();
    return response.status;
  }

  async untilTaken(count: number): Promise<number[]> {
    await expect.poll(() => this.taken.length, { interval: 20 }).toBe(count);
    return this.taken;
  }

  async untilLogged(event: string): Promise<void> {
    await expect.poll(() => this.proxy.log.some((line) => line.event === event)).toBe(true);
  }

  #judge({ method, headers, body }: RecordedRequest): number {
    const token = headers.authorization?.slice('Bearer '.length) ?? '';
    if (method !== 'POST') return token === OLD ? 200 : 403;
    const status = this.statusFor(token, ++this.#posts);
    if (status === 200) this.taken.push(...(JSON.parse(body) as { data: { n: number } }[]).map(({ data }) => data.n));
    return status;
  }
}

const IN_ORDER = [0, 1, 2, 3, 4, 5, 6, 7];

describe.concurrent.each([
  ['its own token', {}],
  ['the token of the plant', { STATEWAY_UPSTREAM_TOKEN: 'of-the-plant' }],
])('states of a device that wait, sent with %s,', (_name, env: Record<string, string>) => {
  test('are not passed by one with a renewed token that may only send', async () => {
    const site = await OrderSite.open(env);
    for (let n = 0; n < 7; n++) expect(await site.post(n, OLD)).toBe(200);
    expect(await site.post(7, NEW)).toBe(200);
    expect(await site.untilTaken(8)).toEqual(IN_ORDER);
  });

  test('nor by a frame of a device or a gateway with such a token', async () => {
    const site = await OrderSite.open(env);
    for (let n = 0; n < 6; n++) expect(await site.post(n, OLD)).toBe(200);
    const frames = await TestSocket.open(`${site.proxy.socketUrl}${APPLICATION_PATH}/state`, NEW);
    frames.send(JSON.stringify({ deviceId: DEVICE_ID, data: { n: 6 } }));
    await frames.untilAcknowledged(1);
    const other = tokenOf('another', ['device.sendState']);
    const device = await TestSocket.open(site.proxy.socketUrl + STATE_PATH, other);
    device.send('{"data":{"n":7}}');
    await device.untilAcknowledged(1);
    expect(await site.untilTaken(8)).toEqual(IN_ORDER);
  });

  test('nor by one whose token the cloud refuses, and go with the good one', async () => {
    const site = await OrderSite.open(env);
    site.statusFor = (token) => (token === NEW ? 403 : 200);
    for (let n = 0; n < 7; n++) expect(await site.post(n, OLD)).toBe(200);
    expect(await site.post(9, NEW)).toBe(403);
    expect(await site.post(7, OLD)).toBe(200);
    expect(await site.untilTaken(8)).toEqual(IN_ORDER);
  });
});

test.concurrent('after one passing 403, the same token goes on with what waits', async () => {
  const site = await OrderSite.open({ STATEWAY_WINDOW_MS: '500ms' });
  site.statusFor = (_token, posts) => (posts === 2 ? 403 : 200);
  for (let n = 0; n < 7; n++) expect(await site.post(n, OLD)).toBe(200);
  await site.untilLogged('device-parked');
  expect(await site.post(7, OLD)).toBe(200);
  expect(await site.untilTaken(8)).toEqual(IN_ORDER);
});

test.concurrent('a restart with what waits on disk and no token that serves: the first that does takes up where it stood', async () => {
  // A start waits for a window of the limit.
  const site = await OrderSite.open({ STATEWAY_RATE_LIMIT: '30/1s' });
  site.statusFor = (token, posts) => (posts === 1 || token === NEW ? 200 : 401);
  expect(await site.post(0, OLD)).toBe(200);
  await site.untilTaken(1);
  for (let n = 1; n < 7; n++) expect(await site.post(n, OLD)).toBe(200);
  await site.proxy.kill();
  await site.start();
  await site.untilLogged('device-parked');
  expect(await site.post(7, NEW)).toBe(200);
  expect(await site.untilTaken(8)).toEqual(IN_ORDER);
});

test.concurrent('a device that is at its limit is told when to come again, and nothing of it is stored', async () => {
  const site = await OrderSite.open({ STATEWAY_RATE_LIMIT: '2/60s', STATEWAY_WINDOW_MS: '100ms' });
  for (const n of [0, 1]) {
    expect(await site.post(n, OLD)).toBe(200);
    await site.untilTaken(n + 1);
  }
  expect(await site.post(2, OLD)).toBe(200);
  expect(await site.post(3, NEW)).toBe(429);
  const { spool } = (await (await fetch(`${site.proxy.adminUrl}/status`)).json()) as { spool: { states: number } };
  expect(spool.states).toBe(1);
});
