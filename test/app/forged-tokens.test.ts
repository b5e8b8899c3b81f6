import type { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { call } from '../helpers/http-client.js';
import {
  APPLICATION,
  agentFrom,
  deviceId,
  openStrangerSite,
  type StrangerSite,
  statePath,
  tokenOf,
} from '../helpers/stranger-cloud.js';
import { TestSocket } from '../helpers/test-socket.js';

const STATE = JSON.stringify({ data: { n: 1 } });
/** What a busy machine may make of an answer that waits for nobody else. */
const NOT_HELD_UP_MS = 25_000;
const GATEWAY_PATH = `/applications/${APPLICATION}/state`;

async function post(site: StrangerSite, token: string, device: number, agent: Agent): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return (await call(site.port, statePath(device), { headers, body: STATE, agent })).status;
}

async function logIn(site: StrangerSite, device: number, agent: Agent): Promise<number> {
  const body = JSON.stringify({ deviceId: deviceId(device), key: 'k', secret: 's' });
  return (await call(site.port, '/auth/device', { headers: { 'content-type': 'application/json' }, body, agent }))
    .status;
}

/** Brings forged tokens over HTTP, up to so many a second, each once, until the test is over; from these addresses by turns. */
function flood(site: StrangerSite, perSecond: number, addresses: readonly string[]): void {
  const agents = addresses.map(agentFrom);
  let sent = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < perSecond / 50; i++, sent++) {
      const agent = agents[sent % agents.length] as Agent;
      post(site, tokenOf(`forged ${sent}`), sent % 5_000, agent).catch(() => {});
    }
  }, 20);
  onTestFinished(() => clearInterval(timer));
}

/** How long something took, and what came of it. */
async function timed(what: Promise<number>): Promise<{ status: number; tookMs: number }> {
  const startedMs = performance.now();
  return { status: await what, tookMs: performance.now() - startedMs };
}

/** Tries as a device does that is told to come again in a second. */
async function untilIn(site: StrangerSite, token: string, device: number, agent: Agent): Promise<number> {
  for (let tries = 1; ; tries++) {
    if ((await post(site, token, device, agent)) === 200) return tries;
    await sleep(1_000);
  }
}

describe('a forged token in frames that name thousands of devices', () => {
  test('costs the cloud one question in 30 seconds, and others nothing', async () => {
    const site = await openStrangerSite();
    site.questionMs = 300;
    const forged = tokenOf('forged');
    const sockets = await Promise.all(
      Array.from({ length: 3 }, () => TestSocket.open(site.proxy.socketUrl + GATEWAY_PATH, forged)),
    );
    const frameOf = (from: number, devices: number) =>
      JSON.stringify(Array.from({ length: devices }, (_, i) => ({ deviceId: deviceId(from + i), data: { n: 1 } })));
    for (const [index, socket] of sockets.entries()) {
      socket.send(frameOf(index * 5_000, 3_000));
      for (let i = 0; i < 10; i++) socket.send(frameOf(index * 5_000 + i * 100, 100));
    }
    const agent = agentFrom('127.0.0.1');
    expect(await logIn(site, 1, agent)).toBe(200);
    const good = await timed(post(site, tokenOf('good'), 2, agent));
    expect(good.status).toBe(200);
    // In a line with the others it would be more than half a minute.
    expect(good.tookMs).toBeLessThan(NOT_HELD_UP_MS);
    await Promise.all(sockets.map((socket) => socket.untilAcknowledged(11)));
    for (const socket of sockets) {
      const types = socket.answers.flatMap((answer) => ('error' in answer ? answer.error.type : []));
      expect(types.filter((type) => type === 'Forbidden')).toHaveLength(10);
      expect(types.filter((type) => type === 'Unavailable')).toHaveLength(1);
    }
    expect(site.requestsOf('forged', 'GET')).toHaveLength(1);
  });
});

describe('hundreds of forged tokens a second', () => {
  test.each([
    ['from one other address', ['127.0.0.2'], '127.0.0.1'],
    ['from a hundred others', Array.from({ length: 100 }, (_, i) => `127.0.0.${i + 2}`), '127.0.0.1'],
  ])('%s, before a cloud that takes a second: a new good token waits for its answer alone', async (_name, from, at) => {
    const site = await openStrangerSite();
    site.questionMs = 1_000;
    flood(site, 400, from);
    // Until all of them have had a token refused twice: before that nothing tells them from others.
    await sleep(6_000);
    const agent = agentFrom(at);
    for (let device = 1; device <= 3; device++) {
      const good = await timed(post(site, tokenOf(`good ${device}`), device, agent));
      expect(good.status).toBe(200);
      // Of the cloud's second; in a line with the others it would be more than half a minute.
      expect(good.tookMs).toBeLessThan(NOT_HELD_UP_MS);
      const known = await timed(logIn(site, 10 + device, agent));
      expect(known.status).toBe(200);
      expect(known.tookMs).toBeLessThan(NOT_HELD_UP_MS);
    }
  });

  test('from its own address, before a cloud that takes a second: it is let in when it comes again', async () => {
    const site = await openStrangerSite();
    site.questionMs = 1_000;
    flood(site, 400, ['127.0.0.1']);
    await sleep(3_000);
    const agent = agentFrom('127.0.0.1');
    for (let device = 1; device <= 3; device++) {
      expect(await untilIn(site, tokenOf(`good ${device}`), device, agent)).toBeLessThanOrEqual(4);
      expect((await timed(logIn(site, 10 + device, agent))).tookMs).toBeLessThan(NOT_HELD_UP_MS);
    }
  });
});

test('forged tokens and ids push no grant out, above all while the cloud is away', async () => {
  const site = await openStrangerSite({ STATEWAY_TOKEN_CACHE_SIZE: '100' });
  const agent = agentFrom('127.0.0.1');
  for (let device = 0; device < 100; device++)
    expect(await post(site, tokenOf(`good ${device}`), device, agent)).toBe(200);
  const bringForged = async (run: number) => {
    for (let i = 0; i < 1_000; i += 50) {
      const several = Array.from({ length: 50 }, (_, k) =>
        post(site, tokenOf(`forged ${run} ${i + k} ${'x'.repeat(4_000)}`), (i + k) % 200, agent),
      );
      expect(await Promise.all(several)).not.toContain(200);
    }
  };
  await bringForged(1);
  site.cloud.leave();
  await bringForged(2);
  for (let device = 0; device < 100; device++)
    expect(await post(site, tokenOf(`good ${device}`), device, agent)).toBe(200);
});

describe('a gateway of more devices than a frame may name new ones', () => {
  test('is let in when it sends the frame again, and is told why until then', async () => {
    const site = await openStrangerSite();
    const socket = await TestSocket.open(site.proxy.socketUrl + GATEWAY_PATH, tokenOf('good gateway'));
    const frame = JSON.stringify(Array.from({ length: 350 }, (_, i) => ({ deviceId: deviceId(i), data: { n: 1 } })));
    let sent = 0;
    for (;;) {
      socket.send(frame);
      await socket.untilAcknowledged(++sent);
      const last = socket.answers.findLast((answer) => 'error' in answer && answer.frame === sent);
      if (last === undefined) break;
      expect(last).toMatchObject({ error: { type: 'Unavailable', message: expect.stringContaining('100 devices') } });
      await sleep(200);
    }
    expect(sent).toBeGreaterThan(1);
    expect(site.requestsOf('good', 'GET')).toHaveLength(350);
  });

  test('is told which device it may not send for', async () => {
    const site = await openStrangerSite();
    const socket = await TestSocket.open(site.proxy.socketUrl + GATEWAY_PATH, tokenOf('forged gateway'));
    const frame = JSON.stringify(Array.from({ length: 350 }, (_, i) => ({ deviceId: deviceId(i), data: { n: 1 } })));
    let sent = 0;
    for (;;) {
      socket.send(frame);
      await socket.untilAcknowledged(++sent);
      const [refusal] = socket.answers.flatMap((answer) =>
        'error' in answer && answer.frame === sent ? [answer.error] : [],
      );
      if (sent > 1 && refusal?.type === 'Forbidden') {
        expect(refusal.message).toContain('token is not granted');
        break;
      }
      // Until the cloud has answered for the first of them.
      expect(refusal?.type).toBe('Unavailable');
      await sleep(200);
    }
    expect(site.requestsOf('forged', 'GET')).toHaveLength(1);
  });
});
