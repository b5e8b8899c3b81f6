import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import { systemClock } from '../../src/core/time/clock.js';
import { HttpCloudClient } from '../../src/upstream/cloud-client.js';
import { Cleaner, connectionsWith, plainClient, startHttp, startTcp } from './test-servers.js';

const device = new Device('5'.repeat(24), 'a'.repeat(24));
const body = Buffer.from('[{"time":1767225600000,"data":{"t":1}}]');
const cleaner = new Cleaner();
afterEach(() => cleaner.run());

/** A client whose cloud answers every request the same way. */
async function clientOf(listener: RequestListener, answerTimeoutMs = 5_000): Promise<HttpCloudClient> {
  return plainClient(cleaner, await startHttp(cleaner, listener), { answerTimeoutMs });
}

it('a refused connection never left', async () => {
  const port = await startTcp(cleaner, () => {});
  await cleaner.run();
  const result = await plainClient(cleaner, port, {}).sendStates(device, 't', body);
  expect(result).toMatchObject({ kind: 'failure', mayArriveLater: false, reason: 'refused', words: /ECONNREFUSED/ });
});

it('a name that does not resolve never left', async () => {
  const client = new HttpCloudClient(connectionsWith(), systemClock, { url: new URL('http://cloud.invalid') });
  cleaner.add(() => client.close());
  expect(await client.sendStates(device, 't', body)).toMatchObject({ reason: 'dns', mayArriveLater: false });
});

it('a server that never answers: may arrive, after the time-out', async () => {
  let arrived = 0;
  const client = await clientOf(() => {
    arrived++;
  }, 150);
  const result = await client.sendStates(device, 't', body);
  expect(result).toEqual({
    kind: 'failure',
    mayArriveLater: true,
    openMs: 0,
    reason: 'timeout',
    words: 'no answer within 150 ms',
  });
  expect(arrived).toBe(1);
});

it('a large body has longer, as a slow line takes longer to carry it', async () => {
  const port = await startHttp(cleaner, () => {});
  const client = plainClient(cleaner, port, { answerTimeoutMs: 100 });
  const result = await client.sendStates(device, 't', Buffer.alloc(2 * 4_096 - 1));
  expect(result).toMatchObject({ kind: 'failure', words: 'no answer within 1100 ms' });
});

it('a request that timed out waiting for a connection is never written', async () => {
  const paths: (string | undefined)[] = [];
  const answers: (() => void)[] = [];
  const port = await startHttp(cleaner, (request, response) => {
    paths.push(request.headers.authorization);
    answers.push(() => response.end('{"success":true}'));
  });
  const client = plainClient(cleaner, port, { answerTimeoutMs: 500, connections: 1 });
  // A body of its size has ten seconds more: it holds the connection while the other's time runs out.
  const first = client.sendStates(device, 'first', Buffer.alloc(10 * 4_096));
  expect(await client.askForDevice(device, 'second')).toMatchObject({ kind: 'failure' });
  await expect.poll(() => answers.length).toBe(1);
  answers[0]?.();
  expect(await first).toMatchObject({ kind: 'answer', status: 200 });
  const third = client.sendStates(device, 'third', Buffer.alloc(10 * 4_096));
  await expect.poll(() => answers.length).toBe(2);
  answers[1]?.();
  expect(await third).toMatchObject({ kind: 'answer', status: 200 });
  expect(paths).toEqual(['Bearer first', 'Bearer third']);
});

it('a reset after the request: may arrive', async () => {
  const port = await startTcp(cleaner, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const result = await plainClient(cleaner, port, {}).sendStates(device, 't', body);
  expect(result).toMatchObject({ kind: 'failure', mayArriveLater: true });
});

it('a server that hangs up without a word: may arrive', async () => {
  const port = await startTcp(cleaner, (socket) => socket.once('data', () => socket.end()));
  const result = await plainClient(cleaner, port, {}).sendStates(device, 't', body);
  expect(result).toMatchObject({ kind: 'failure', mayArriveLater: true });
});

it('an answer that is no HTTP: may arrive', async () => {
  const port = await startTcp(cleaner, (socket) => socket.once('data', () => socket.end('SSH-2.0-cloud\r\n')));
  const result = await plainClient(cleaner, port, {}).sendStates(device, 't', body);
  expect(result).toMatchObject({ kind: 'failure', mayArriveLater: true, reason: 'not_the_cloud' });
});

it.each([
  ['200 OK', '{"succ'],
  ['422 No', '{"type":"Validation","mess'],
])('half an answer is none: %s', async (status, half) => {
  const text = `HTTP/1.1 ${status}\r\ncontent-length: 100\r\n\r\n${half}`;
  const port = await startTcp(cleaner, (socket) => socket.once('data', () => socket.end(text)));
  const result = await plainClient(cleaner, port, {}).sendStates(device, 't', body);
  expect(result).toMatchObject({ kind: 'failure', mayArriveLater: true, reason: 'reset' });
});

it('an answer whose object is whole counts, even if the connection breaks behind it', async () => {
  const text = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{"success":true}\r\n';
  const port = await startTcp(cleaner, (socket) => socket.once('data', () => socket.end(text)));
  const result = await plainClient(cleaner, port, {}).sendStates(device, 't', body);
  expect(result).toMatchObject({ kind: 'answer', status: 200 });
});

it('half an answer that goes silent is none when the time is over; from 500 on the status will do', async () => {
  for (const [status, expected] of [
    [422, { kind: 'failure', mayArriveLater: true, reason: 'timeout' }],
    [503, { kind: 'answer', status: 503, message: '' }],
  ] as const) {
    const half = `HTTP/1.1 ${status} No\r\ncontent-length: 100\r\n\r\n{`;
    const port = await startTcp(cleaner, (socket) => socket.once('data', () => socket.write(half)));
    const result = await plainClient(cleaner, port, { answerTimeoutMs: 150 }).sendStates(device, 't', body);
    expect(result).toMatchObject(expected);
  }
});

it('half a status line: no answer', async () => {
  const port = await startTcp(cleaner, (socket) => socket.once('data', () => socket.end('HTTP/1.1 20')));
  expect(await plainClient(cleaner, port, {}).sendStates(device, 't', body)).toMatchObject({
    kind: 'failure',
    mayArriveLater: true,
  });
});

it('an endless body is cut', async () => {
  const client = await clientOf((_request, response) => {
    response.on('error', () => {});
    const more = () => {
      while (response.write('z'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  });
  expect(await client.sendStates(device, 't', body)).toMatchObject({ reason: 'not_the_cloud', words: /too long/ });
});

it('an interim answer is passed over', async () => {
  const client = await clientOf((_request, response) => {
    response.writeEarlyHints({ link: '</x>; rel=preload' });
    response.writeHead(201).end('{"success":true}');
  });
  expect(await client.sendStates(device, 't', body)).toMatchObject({ kind: 'answer', status: 201 });
});

it('close ends what is in flight', async () => {
  const client = await clientOf(() => {});
  const pending = client.sendStates(device, 't', body);
  await client.close();
  expect(await pending).toMatchObject({ kind: 'failure' });
  expect(await client.sendStates(device, 't', body)).toMatchObject({ kind: 'failure', mayArriveLater: false });
});

describe('a kept connection that the cloud closes as a request comes on it', () => {
  const answer = JSON.stringify({ type: 'Unauthorized', message: 'no' });
  const ANSWER = `HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`;

  /** Answers the first request on each connection up to `lastGood`, and ends every other one with its connection. */
  async function closingCloud(lastGood: number) {
    let connections = 0;
    let requests = 0;
    const port = await startTcp(cleaner, (socket) => {
      const isGood = ++connections <= lastGood;
      let nth = 0;
      socket.on('data', () => {
        requests++;
        if (isGood && ++nth === 1) socket.write(ANSWER);
        else socket.destroy();
      });
    });
    return { client: plainClient(cleaner, port, { connections: 1 }), requests: () => requests };
  }

  it('has a question sent once more on a new one, and not a third time', async () => {
    const { client, requests } = await closingCloud(2);
    for (let n = 1; n <= 2; n++) {
      expect(await client.askForDevice(device, `t${n}`)).toMatchObject({ kind: 'answer', status: 401 });
    }
    expect(requests()).toBe(3);
    expect(await client.askForDevice(device, 't3')).toMatchObject({ kind: 'failure', reason: 'reset' });
    expect(requests()).toBe(5);
  });

  it('has states fail, which their lane sends again', async () => {
    const { client, requests } = await closingCloud(2);
    expect(await client.sendStates(device, 't', body)).toMatchObject({ kind: 'answer', status: 401 });
    expect(await client.sendStates(device, 't', body)).toMatchObject({ kind: 'failure', mayArriveLater: true });
    expect(requests()).toBe(2);
  });
});
