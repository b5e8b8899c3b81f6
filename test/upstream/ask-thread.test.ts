import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { AskResult, LogInResult } from '../../src/core/cloud-port.js';
import { Device } from '../../src/core/device.js';
import { answerAsCloud } from '../helpers/recording-cloud.js';
import { askThreadClient, Cleaner, startHttp, withThreadKilled } from './test-servers.js';

const device = new Device('5'.repeat(24), 'a'.repeat(24));
const HEAD = { target: '/auth/device', headers: [['content-type', 'application/json']] } as const;
const cleaner = new Cleaner();
afterEach(() => cleaner.run());

/** A cloud that answers every token but `never`, refuses all credentials, and the sockets that it was asked on. */
async function cloud() {
  const sockets: unknown[] = [];
  const port = await startHttp(cleaner, (request, response) => {
    request.resume();
    sockets.push(request.socket);
    if (request.headers.authorization === 'Bearer never') return;
    answerAsCloud(request, response, request.method === 'POST' ? 401 : 200);
  });
  return { port, sockets };
}

it('fails what a dead thread had under way as what could not be asked, and asks on with another', async () => {
  const { port } = await cloud();
  const client = askThreadClient(cleaner, port);
  let lost: Promise<AskResult | LogInResult>[] = [];
  await withThreadKilled(() => {
    lost = [
      client.askForDevice(device, 'never'),
      client.checkDevice(device, 'never'),
      client.logIn(Buffer.from('{}'), { ...HEAD, headers: [['authorization', 'Bearer never']] }),
    ];
  });
  for (const result of await Promise.all(lost)) {
    expect(result).toMatchObject({ kind: 'failure', words: expect.stringContaining('thread') });
  }
  expect(await client.askForDevice(device, 'good')).toMatchObject({ kind: 'answer', status: 200 });
});

it('fails alone what it cannot ask, and says nothing secret of it', async () => {
  const { port } = await cloud();
  const client = askThreadClient(cleaner, port);
  // Nothing that could come from a device: it makes the thread's own code throw.
  const odd = client.askForDevice({} as Device, 'secret-token');
  expect(await client.askForDevice(device, 'good')).toMatchObject({ kind: 'answer', status: 200 });
  expect(await odd).toEqual({ kind: 'failure', reason: 'reset', words: 'it could not be asked: TypeError' });
});

it('has connections for each kind of question', async () => {
  const { port, sockets } = await cloud();
  const client = askThreadClient(cleaner, port, { connections: 1 });
  void client.askForDevice(device, 'never');
  await expect.poll(() => sockets.length).toBe(1);
  expect(await client.checkDevice(device, 'good')).toMatchObject({ kind: 'answer', status: 200 });
  expect(await client.logIn(Buffer.from('{}'), HEAD)).toMatchObject({ kind: 'answer' });
  expect(new Set(sockets).size).toBe(3);
});

it('asks over connections made anew once it is told to, and leaves those under way', async () => {
  const { port, sockets } = await cloud();
  const client = askThreadClient(cleaner, port, { connections: 1 });
  await client.askForDevice(device, 'good');
  const underWay = client.askForDevice(device, 'good');
  client.renewConnections();
  expect(await underWay).toMatchObject({ kind: 'answer', status: 200 });
  await client.askForDevice(device, 'good');
  expect(sockets[1]).toBe(sockets[0]);
  expect(sockets[2]).not.toBe(sockets[0]);
});

it.each([
  ['at once', 128],
  ['little by little', 8],
])(
  'hands on no more than some of the answers in one turn that have come %s while the main thread was busy',
  async (_how, together) => {
    const QUESTIONS = 128;
    const BUSY_MS = 1_500;
    const held: (() => void)[] = [];
    const port = await startHttp(cleaner, (request, response) => {
      held.push(() => answerAsCloud(request, response));
      if (held.length < QUESTIONS) return;
      setImmediate(() => {
        while (held.length > 0) {
          for (const answer of held.splice(0, together)) answer();
          block((BUSY_MS * together) / QUESTIONS);
        }
      });
    });
    const client = askThreadClient(cleaner, port, { connections: QUESTIONS, answerTimeoutMs: 60_000 });
    let [answered, ofThisTurn, mostOfATurn] = [0, 0, 0];
    const asked = Array.from({ length: QUESTIONS }, async () => {
      const result = await client.askForDevice(device, 'good');
      if (result.kind === 'answer') answered++;
      mostOfATurn = Math.max(mostOfATurn, ++ofThisTurn);
    });
    const isOver = Promise.all(asked).then(() => true);
    while (!(await Promise.race([isOver, turn()]))) ofThisTurn = 0;
    expect(answered).toBe(QUESTIONS);
    // Some as a message is read, and as many at the end of the turn.
    expect(mostOfATurn).toBeLessThanOrEqual(32);
  },
);

/** The event loop stands still. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it('answers with memory that holds no more than its body', async () => {
  const { port } = await cloud();
  const result = await askThreadClient(cleaner, port).logIn(Buffer.from('{}'), HEAD);
  if (result.kind !== 'answer') throw new Error(result.words);
  const { body, asItCame } = result.answer;
  for (const each of [body, asItCame?.body as Uint8Array]) expect(each.buffer.byteLength).toBe(each.byteLength);
});

it('fails what waits for an answer when it is closed, and leaves nothing running', async () => {
  const { port, sockets } = await cloud();
  const client = askThreadClient(cleaner, port);
  const asked = client.askForDevice(device, 'never');
  await expect.poll(() => sockets.length).toBe(1);
  await client.close();
  expect(await asked).toMatchObject({ kind: 'failure' });
});

it('is closed without having been used, and starts no thread for it or to renew connections', async () => {
  let started = 0;
  const onWorker = () => void started++;
  process.on('worker', onWorker);
  cleaner.add(() => void process.off('worker', onWorker));
  const client = askThreadClient(cleaner, 1);
  client.renewConnections();
  await client.close();
  // The process tells of a thread in its next turn.
  await turn();
  expect(started).toBe(0);
});
