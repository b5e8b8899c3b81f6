import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { ForeignPage } from '../../src/simulator/cloud-faults.js';
import { isInShare } from '../../src/simulator/state-objection.js';
import { CloudBench, devicePath } from './cloud-bench.js';

const bench = new CloudBench();
const STATE = { data: { temperature: 1 } };

function ledger() {
  return bench.cloud.ledger(bench.device.deviceId);
}

/** All that the cloud says to a state, byte by byte, until it closes the connection. */
async function rawAnswer(token: string): Promise<string> {
  const socket = connect({ port: Number(new URL(bench.url).port), host: '127.0.0.1' });
  const body = JSON.stringify(STATE);
  socket.write(
    `POST ${devicePath(bench.device)}/state HTTP/1.1\r\nhost: cloud\r\ncontent-type: application/json\r\n` +
      `authorization: Bearer ${token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  await once(socket, 'close');
  return answer;
}

/** Waits, without the clock, until the cloud has something to wait for. */
async function untilWaiting(): Promise<void> {
  while (bench.clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('what stands between here and the cloud', () => {
  it.each<[Omit<ForeignPage, 'kind'>, string, string]>([
    [{ status: 200 }, 'text/html; charset=utf-8', '<!doctype html>'],
    [{ status: 200, contentType: 'application/json', body: '{"status":"ok"}' }, 'application/json', '{"status":"ok"}'],
    [{ status: 302, location: 'http://portal.test/login' }, 'text/html; charset=utf-8', '<!doctype html>'],
    [{ status: 511 }, 'text/html; charset=utf-8', '<!doctype html>'],
    [{ status: 403, contentType: 'text/plain', body: 'blocked' }, 'text/plain', 'blocked'],
  ])('answers with %j, and the cloud counts and stores nothing', async (page, contentType, start) => {
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([{ kind: 'page', ...page }]);
    for (const [method, path] of [
      ['POST', `${devicePath(bench.device)}/state`],
      ['POST', '/auth/device'],
      ['GET', devicePath(bench.device)],
    ] as const) {
      const response = await fetch(bench.url + path, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        redirect: 'manual',
        ...(method === 'POST' ? { body: JSON.stringify(STATE) } : {}),
      });
      expect(response.status).toBe(page.status);
      expect(response.headers.get('content-type')).toBe(contentType);
      expect(response.headers.get('location')).toBe(page.location ?? null);
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
      expect(await response.text()).toContain(start);
    }
    expect(ledger()).toMatchObject({ posts: 0, states: 0 });
  });
});

describe('a page of something that lost the time', () => {
  it('says so in its Date', async () => {
    const skewMs = -40 * 365 * 86_400_000;
    bench.cloud.setFaults([{ kind: 'page', status: 200, skewMs }]);
    const response = await fetch(bench.url);
    expect(response.headers.get('date')).toBe(new Date(bench.clock.wallMs() + skewMs).toUTCString());
  });
});

describe('an answer that comes late', () => {
  it('comes with the state stored then, by the clock', async () => {
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([{ kind: 'delay', delayMs: 5_000, times: 1 }]);
    let isAnswered = false;
    const answer = bench.send(bench.device, token, STATE).then((result) => {
      isAnswered = true;
      return result;
    });
    await untilWaiting();
    await bench.clock.advance(4_999);
    expect(ledger()).toMatchObject({ states: 0 });
    expect((await bench.send(bench.device, token, STATE)).status).toBe(200);
    expect(isAnswered).toBe(false);
    await bench.clock.advance(1);
    expect((await answer).status).toBe(200);
  });

  it('comes with the state stored before, also for a caller that gave up', async () => {
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([{ kind: 'late-answer', delayMs: 18_000, route: 'state' }]);
    const answer = bench.send(bench.device, token, STATE);
    const givenUp = request(`${bench.url}${devicePath(bench.device)}/state`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
    givenUp.on('error', () => {});
    givenUp.end(JSON.stringify(STATE));
    while (bench.clock.pendingTimers < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(ledger()).toMatchObject({ posts: 2, states: 2 });
    givenUp.destroy();
    while (bench.clock.pendingTimers > 1) await new Promise((resolve) => setImmediate(resolve));
    await bench.clock.advance(18_000);
    expect((await answer).status).toBe(200);
  });
});

describe('an answer that does not come whole', () => {
  it('never comes while requests are left hanging, until the faults change', async () => {
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([{ kind: 'hang', route: 'state' }]);
    const answer = bench.send(bench.device, token, STATE).catch((error: Error) => error.message);
    while (bench.cloud.summary().posts === 0) await new Promise((resolve) => setImmediate(resolve));
    bench.cloud.setFaults([]);
    expect(await answer).toBe('fetch failed');
    expect(bench.cloud.summary()).toMatchObject({ posts: 1, states: 0 });
  });

  it('is lost, with the state stored', async () => {
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([{ kind: 'lose-answer', route: 'state', times: 1 }]);
    await expect(bench.send(bench.device, token, STATE)).rejects.toThrow('fetch failed');
    expect(bench.cloud.summary()).toMatchObject({ posts: 1, states: 1 });
  });

  it.each([0, 9, 80])('is cut after %i bytes, with the state stored', async (afterBytes) => {
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([{ kind: 'cut-answer', afterBytes, route: 'state' }]);
    const answer = await rawAnswer(token);
    expect(answer).toHaveLength(afterBytes);
    expect('HTTP/1.1 200 Simulated\r\ncontent-type: application/json\r\ncontent-length: 16\r\n').toContain(
      answer.slice(0, 60),
    );
    expect(ledger()).toMatchObject({ states: 1 });
  });
});

describe('the head of an answer', () => {
  it.each([1_000, 15_000, 60_000])('has %i bytes more', async (headBytes) => {
    const plain = await rawHeadLength();
    bench.cloud.setFaults([{ kind: 'large-head', headBytes }]);
    expect((await rawHeadLength()) - plain).toBe(headBytes);
  });

  async function rawHeadLength(): Promise<number> {
    const answered = once(
      request(`${bench.url}/nowhere`, { maxHeaderSize: 131_072, agent: false }).end(),
      'response',
    ) as Promise<[import('node:http').IncomingMessage]>;
    const [response] = await answered;
    response.resume();
    return response.rawHeaders.reduce((sum, text) => sum + text.length + 2, 0);
  }

  it.each([3_600_000, -3_600_000])('has a Date that is %i ms off, on every answer', async (skewMs) => {
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([{ kind: 'skew-date', skewMs }]);
    const expected = new Date(bench.clock.wallMs() + skewMs).toUTCString();
    const answers = [
      await bench.send(bench.device, token, STATE),
      await bench.send(bench.device, 'no token', STATE),
      await bench.read(bench.device, token),
      await bench.request('GET', `${devicePath(bench.device)}/compositeState`, token),
    ];
    expect(answers.map(({ status, headers }) => [status, headers.get('date')])).toEqual([
      [200, expected],
      [401, expected],
      [200, expected],
      [200, expected],
    ]);
  });

  it('lets a page of another origin read it, and ask before', async () => {
    const preflight = await fetch(`${bench.url}${devicePath(bench.device)}/state`, {
      method: 'OPTIONS',
      headers: {
        origin: 'http://page.test',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,content-type');
    const answers = [await bench.logIn(bench.device), await bench.send(bench.device, 'no token', STATE)];
    expect(answers.map(({ headers }) => headers.get('access-control-allow-origin'))).toEqual(['*', '*']);
  });
});

describe('a body that the cloud will not have', () => {
  const MIXED = [STATE, { data: { temperature: 1, poison: true } }];

  it.each([400, 422, 500, 503])(
    'is answered %i whole for one attribute in it; every other is taken',
    async (status) => {
      const token = await bench.tokenOf(bench.device);
      bench.cloud.setFaults([{ kind: 'refuse-attribute', attribute: 'poison', status, route: 'state' }]);
      const poisoned = await bench.send(bench.device, token, MIXED);
      expect(poisoned.status).toBe(status);
      expect(poisoned.body.message).toContain('"poison"');
      expect(ledger()).toMatchObject({ posts: 1, states: 0 });
      expect((await bench.send(bench.device, token, STATE)).status).toBe(200);
    },
  );

  it('is 400 where no status is given', async () => {
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([{ kind: 'refuse-attribute', attribute: 'poison' }]);
    expect((await bench.send(bench.device, token, MIXED)).body.type).toBe('Validation');
  });

  it('costs the connection, with nothing stored', async () => {
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([{ kind: 'cut-attribute', attribute: 'poison' }]);
    await expect(bench.send(bench.device, token, MIXED)).rejects.toThrow('fetch failed');
    expect(ledger()).toMatchObject({ posts: 1, states: 0 });
    expect((await bench.send(bench.device, token, STATE)).status).toBe(200);
  });

  it('is refused by a slow cloud too, and its answer may be lost', async () => {
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([
      { kind: 'refuse-attribute', attribute: 'poison' },
      { kind: 'cut-attribute', attribute: 'toxic' },
      { kind: 'lose-answer', route: 'state', times: 1 },
      { kind: 'skew-date', skewMs: 60_000 },
    ]);
    await expect(bench.send(bench.device, token, MIXED)).rejects.toThrow('fetch failed');
    const refused = await bench.send(bench.device, token, MIXED);
    expect([refused.status, refused.headers.get('date')]).toEqual([
      400,
      new Date(bench.clock.wallMs() + 60_000).toUTCString(),
    ]);
    await expect(bench.send(bench.device, token, { data: { toxic: 1 } })).rejects.toThrow('fetch failed');
    expect(ledger()).toMatchObject({ posts: 3, states: 0 });
  });

  it('has a state of a share in it, which stays of it however it comes', async () => {
    const share = 0.1;
    const data = Array.from({ length: 2_000 }, (_, n) => ({ n, text: 'some' }));
    const refused = data.filter((one) => isInShare(one, share));
    expect(refused.length).toBeGreaterThan(140);
    expect(refused.length).toBeLessThan(260);
    const taken = data.filter((one) => !isInShare(one, share));
    const token = await bench.tokenOf(bench.device);
    bench.cloud.setFaults([{ kind: 'refuse-share', share }]);
    expect(
      (
        await bench.send(
          bench.device,
          token,
          taken.slice(0, 100).map((one) => ({ data: one })),
        )
      ).status,
    ).toBe(200);
    for (const body of [{ data: refused[0] }, [STATE, { data: refused[0] }], { data: refused[1], time: 1 }]) {
      expect((await bench.send(bench.device, token, body)).status).toBe(400);
    }
    expect(ledger()).toMatchObject({ states: 100 });
  });
});

describe('what comes again', () => {
  it('is counted where it says nothing new', async () => {
    const token = await bench.tokenOf(bench.device);
    const time = bench.clock.wallMs();
    await bench.send(bench.device, token, { time, data: { a: 1 } });
    await bench.send(bench.device, token, { time, data: { b: 2 } });
    expect(ledger()).toMatchObject({ states: 2, repeated: 0 });
    await bench.send(bench.device, token, [
      { time, data: { a: 1, b: 2 } },
      { time: time + 1, data: { a: 1 } },
    ]);
    expect(ledger()).toMatchObject({ states: 4, repeated: 1 });
    expect(bench.cloud.summary().repeated).toBe(1);
  });
});
