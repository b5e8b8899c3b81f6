import type { ServerResponse } from 'node:http';
import { describe, test } from 'vitest';
import { MAX_AGE_MS } from '../../src/upstream/connections.js';
import { PlantLine } from '../helpers/plant-line.js';
import { type Answering, answerAsCloud, RecordingCloud } from '../helpers/recording-cloud.js';
import { type RunningProxy, startProxy } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { atEnd, expect } from '../helpers/test-scope.js';
import { openTunnels } from '../helpers/tunnels.js';

const NAME = 'cloud.plant.invalid';
/** Addresses that no other test listens at or calls from: a port that is free at one is free at the other. */
const [OLD, NEW] = ['127.0.4.1', '127.0.4.2'];
const APPLICATION = '5a0000000000000000000001';
const DEVICES = [1, 2, 3, 4].map((n) => `5b000000000000000000000${n}`);
const JSON_BODY = { 'content-type': 'application/json' };

interface MovingSite {
  readonly proxy: RunningProxy;
  readonly line: PlantLine;
  readonly oldCloud: RecordingCloud;
  readonly newCloud: RecordingCloud;
  /** What the old address does with all that comes, but event streams of before; it goes on as the cloud until that is set. */
  old: Answering | undefined;
  /** The streams that the old address has open. */
  readonly streams: readonly ServerResponse[];
  /** From now on the name leads to the new address. */
  move(): void;
  /** Posts a state of each device, or of so many of them. */
  post(n: number, devices?: number): Promise<void>;
}

/**
 * A cloud, the built proxy before it, and another address for the cloud to move to.
 * @param isTunnelled whether a forward proxy stands between, which alone knows the name
 */
async function openMovingSite(isTunnelled = false): Promise<MovingSite> {
  const streams: ServerResponse[] = [];
  let old: Answering | undefined;
  const oldCloud = await RecordingCloud.open({
    at: { host: OLD, port: 0 },
    // As balancers do.
    keepAliveMs: 60_000,
    answer: (request, response) => {
      if (old !== undefined) return old(request, response);
      if (!request.url.endsWith('/commandStream')) return answerAsCloud(request, response);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n');
      streams.push(response);
    },
  });
  const newCloud = await RecordingCloud.open({ at: { host: NEW, port: oldCloud.port } });
  const line = new PlantLine({ names: { [NAME]: [OLD] } });
  const upstreamUrl = `http://${NAME}:${oldCloud.port}`;
  let address = OLD;
  const tunnels = await openTunnels(() => ({ host: address, port: oldCloud.port }));
  const env = { ...line.env, ...(isTunnelled && { HTTP_PROXY: `http://127.0.0.1:${tunnels}` }) };
  const proxy = await startProxy({ upstreamUrl, dataDir: temporaryDirectory(), env });
  atEnd(() => proxy.kill());
  return {
    proxy,
    line,
    oldCloud,
    newCloud,
    streams,
    move() {
      address = NEW;
      line.change({ names: { [NAME]: [NEW] } });
    },
    set old(answering: Answering | undefined) {
      old = answering;
    },
    async post(n, devices = DEVICES.length) {
      for (const device of DEVICES.slice(0, devices)) {
        const answer = await fetch(`${proxy.url}/applications/${APPLICATION}/devices/${device}/state`, {
          method: 'POST',
          headers: { ...JSON_BODY, authorization: 'Bearer a' },
          body: JSON.stringify({ data: { n } }),
        });
        expect(answer.status).toBe(200);
      }
    },
  };
}

async function openStream(proxy: RunningProxy) {
  const stream = await fetch(`${proxy.url}/applications/${APPLICATION}/devices/${DEVICES[0]}/commandStream`);
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  atEnd(() => void reader.cancel().catch(() => {}));
  const next = async () => Buffer.from((await reader.read()).value ?? []).toString();
  return { next };
}

const statesAt = (cloud: RecordingCloud) => cloud.requests.filter(({ method }) => method === 'POST').length;

/** What may stand at an address that the cloud has left. */
const LEFT_BEHIND: readonly (readonly [string, Answering])[] = [
  ['answers 503', (_request, response) => response.writeHead(503).end('down for good')],
  ['answers 404 in no shape of the cloud', (_request, response) => response.writeHead(404).end('<html>')],
  ["shows a portal's page", (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('hi')],
  ['says nothing any more', () => {}],
];

describe.concurrent('the cloud moves, and its old address', () => {
  test.each([
    ...LEFT_BEHIND.map((row) => [...row, false] as const),
    ['answers 503, behind a proxy', LEFT_BEHIND[0]?.[1] as Answering, true] as const,
  ])(
    '%s: states, checks and calls go to the new one, an event stream lives on',
    async (_name, left, isTunnelled) => {
      const site = await openMovingSite(isTunnelled);
      const { proxy, newCloud, streams } = site;
      const stream = await openStream(proxy);
      expect(await stream.next()).toBe('data: first\n\n');
      await site.post(1);
      expect((await fetch(`${proxy.url}/me`)).status).toBe(200);
      site.old = left;
      site.move();
      await site.post(2);
      await expect.poll(() => statesAt(newCloud), { timeout: 40_000 }).toBeGreaterThanOrEqual(DEVICES.length);
      // What others have found out holds for calls, and for questions.
      expect((await fetch(`${proxy.url}/me`)).status).toBe(200);
      expect(newCloud.requests.some(({ url }) => url === '/me')).toBe(true);
      const unknown = `${proxy.url}/applications/${APPLICATION}/devices/5b00000000000000000000ff/state`;
      const checked = await fetch(unknown, {
        method: 'POST',
        headers: { ...JSON_BODY, authorization: 'Bearer b' },
        body: '{"data":{"n":1}}',
      });
      expect(checked.status).toBe(200);
      expect(streams).toHaveLength(1);
      streams[0]?.write('data: second\n\n');
      expect(await stream.next()).toBe('data: second\n\n');
    },
    120_000,
  );

  test('has failed for a while: the next probe finds the new one', async () => {
    const site = await openMovingSite();
    const { proxy, newCloud } = site;
    const happened = (event: string) => () => proxy.log.some((entry) => entry.event === event);
    await site.post(1);
    site.old = (_request, response) => response.writeHead(503).end();
    await site.post(2);
    await expect.poll(happened('cloud-lost')).toBe(true);
    site.move();
    await expect.poll(happened('cloud-back')).toBe(true);
    await expect.poll(() => statesAt(newCloud)).toBeGreaterThanOrEqual(DEVICES.length);
  });

  test('fails log-ins and calls, where no states are sent: after some of them', async () => {
    const site = await openMovingSite();
    const { proxy, newCloud } = site;
    const me = async () => (await fetch(`${proxy.url}/me`)).status;
    const logIn = async () =>
      (await fetch(`${proxy.url}/auth/device`, { method: 'POST', headers: JSON_BODY, body: '{"deviceId":"a"}' }))
        .status;
    expect(await me()).toBe(200);
    await logIn();
    site.old = (_request, response) => response.writeHead(503).end();
    site.move();
    await expect.poll(me, { interval: 200 }).toBe(200);
    await expect
      .poll(async () => (await logIn()) !== 0 && newCloud.requests.some(({ url }) => url === '/auth/device'), {
        interval: 200,
      })
      .toBe(true);
  });

  test('answers well: connections of age are not used any more, those in use go on', async () => {
    const site = await openMovingSite();
    const { proxy, line, oldCloud, newCloud, streams } = site;
    const stream = await openStream(proxy);
    expect(await stream.next()).toBe('data: first\n\n');
    // One at a time: two at once may need a connection more, which is made to where the name leads then.
    await site.post(1, 1);
    await expect.poll(() => statesAt(oldCloud)).toBe(1);
    expect((await fetch(`${proxy.url}/me`)).status).toBe(200);
    site.move();
    await site.post(2, 1);
    await expect.poll(() => statesAt(oldCloud)).toBe(2);
    expect((await fetch(`${proxy.url}/me`)).status).toBe(200);
    // States alone may have taken a further connection, where two requests were under way at once: that leads to the new one.
    expect(newCloud.requests.filter(({ method }) => method !== 'POST')).toEqual([]);
    line.change({ aheadMs: MAX_AGE_MS });
    await site.post(3);
    await expect.poll(() => statesAt(newCloud), { timeout: 30_000 }).toBeGreaterThanOrEqual(DEVICES.length);
    expect((await fetch(`${proxy.url}/me`)).status).toBe(200);
    expect(newCloud.requests.some(({ url }) => url === '/me')).toBe(true);
    streams[0]?.write('data: second\n\n');
    expect(await stream.next()).toBe('data: second\n\n');
  });
});
