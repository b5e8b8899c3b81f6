import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { test } from 'vitest';
import { openPassingSite, type PassingSite } from '../helpers/passing-site.js';
import { later } from '../helpers/promises.js';
import { atEnd, expect } from '../helpers/test-scope.js';

/** A proxy that is stopping, and cannot be done at once: a passed call waits for its answer. */
async function stopping(signal: NodeJS.Signals): Promise<PassingSite & { ended: Promise<unknown[]> }> {
  let isAsked: () => void;
  const asked = new Promise<void>((resolve) => {
    isAsked = resolve;
  });
  const site = await openPassingSite({ onRequest: () => isAsked() });
  const givenUp = new AbortController();
  atEnd(() => givenUp.abort());
  void fetch(`${site.proxy.url}/files`, { signal: givenUp.signal }).catch(() => {});
  await asked;
  const { process, log } = site.proxy;
  const ended = later(once(process, 'exit'));
  process.kill(signal);
  while (!log.some(({ event }) => event === 'draining')) await once(process.stdout as Readable, 'data');
  return { ...site, ended };
}

test.concurrent('SIGTERM again changes nothing: it stops in order all the same', async () => {
  const { proxy, ended } = await stopping('SIGTERM');
  proxy.process.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect(proxy.log.at(-1)?.event).toBe('stopped');
});

test.concurrent('SIGINT again, as by Ctrl-C pressed twice, ends it at once', async () => {
  const { proxy, ended } = await stopping('SIGINT');
  proxy.process.kill('SIGINT');
  expect(await ended).toEqual([null, 'SIGINT']);
  expect(proxy.log.some(({ event }) => event === 'stopped')).toBe(false);
});

test.concurrent('a stop waits for no answer that only is still listened for', { timeout: 180_000 }, async () => {
  const { proxy } = await openPassingSite({ onRequest: () => {} });
  const path = '/applications/5a0000000000000000000001/devices/5b0000000000000000000001/state';
  const headers = { authorization: 'Bearer unknown', 'content-type': 'application/json' };
  const answer = await fetch(proxy.url + path, { method: 'POST', headers, body: '{"data":{"n":1}}' });
  expect(answer.status).toBe(503);
  const startedMs = performance.now();
  expect(await proxy.stop()).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(6_000);
  expect(proxy.log.at(-1)?.event).toBe('stopped');
});
