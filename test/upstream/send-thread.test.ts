import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { SendResult } from '../../src/core/cloud-port.js';
import { Device } from '../../src/core/device.js';
import { Cleaner, startHttp, threadClient, withThreadKilled } from './test-servers.js';

const device = new Device('5'.repeat(24), 'a'.repeat(24));
const cleaner = new Cleaner();
afterEach(() => cleaner.run());

it('fails what a dead thread had under way as something that may still arrive, and sends on with another', async () => {
  const port = await startHttp(cleaner, (request, response) => {
    if (request.headers.authorization !== 'Bearer never') response.end('{"success":true}');
  });
  const client = threadClient(cleaner, port);
  let lost: Promise<SendResult> | undefined;
  await withThreadKilled(() => {
    lost = client.sendStates(device, 'never', Buffer.from('[]'));
  });
  expect(await lost).toMatchObject({ kind: 'failure', mayArriveLater: true, words: expect.stringContaining('thread') });
  expect(await client.sendStates(device, 't', Buffer.from('[]'))).toMatchObject({ kind: 'answer', status: 200 });
});

it('fails alone what it cannot send, and goes on', async () => {
  const port = await startHttp(cleaner, (_request, response) => response.end('{"success":true}'));
  const client = threadClient(cleaner, port);
  // Nothing that could come from a device: it makes the thread's own code throw.
  const odd = client.sendStates({} as Device, 'secret', Buffer.from('[]'));
  const next = client.sendStates(device, 't', Buffer.from('[]'));
  expect(await next).toMatchObject({ kind: 'answer', status: 200 });
  const failure = await odd;
  expect(failure).toMatchObject({ kind: 'failure', mayArriveLater: true, words: 'it could not be asked: TypeError' });
});

it('is closed without having been used, and starts no thread for it', async () => {
  await threadClient(cleaner, 1).close();
});

it('is started before the first request, once', async () => {
  let started = 0;
  const onWorker = () => void started++;
  process.on('worker', onWorker);
  cleaner.add(() => void process.off('worker', onWorker));
  const port = await startHttp(cleaner, (_request, response) => response.end('{"success":true}'));
  const client = threadClient(cleaner, port);
  client.start();
  // The process tells of a thread in its next turn.
  await turn();
  expect(started).toBe(1);
  expect(await client.sendStates(device, 't', Buffer.from('[]'))).toMatchObject({ kind: 'answer', status: 200 });
  expect(started).toBe(1);
});
