import { expect, it, onTestFinished } from 'vitest';
import type { Settlement } from '../../../src/core/spool-ports.js';
import type { LettersBeside } from '../../../src/spool/beside/letters-beside.js';
import { OfflineSpool } from '../../../src/spool/beside/offline-spool.js';
import { numberKey } from '../../../src/spool/lmdb/sealed-row.js';
import { LmdbSpool, type LmdbSpoolOptions } from '../../../src/spool/lmdb-spool.js';
import { rangesOf } from '../../../src/spool/orders/requests.js';
import { fragmentOfUnreadable } from '../../../src/state/unreadable-payload.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { ALL, append, BOOT_TAG, DEVICE_A, drain, recordOf, wholeChunk } from '../contract.js';
import { letterOf } from '../contract-dead-letters.js';
import { copyServed } from '../lmdb-site.js';
import { withRawLmdb } from '../raw-lmdb.js';

async function openSpool(directory: string, options: Partial<LmdbSpoolOptions> = {}): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG, ...options });
  onTestFinished(() => spool.close().catch(() => {}));
  await drain(spool);
  return spool;
}

async function giveUp(spool: LmdbSpool, count: number): Promise<void> {
  const sequence = await append(spool, recordOf(new Map([[DEVICE_A, count]]), 1));
  const deadLetters = Array.from({ length: count }, (_, n) => letterOf(DEVICE_A, n, n));
  await spool.settle({ ...(wholeChunk(DEVICE_A, sequence, count) as Settlement), deadLetters });
}

async function beside<T>(directory: string, use: (letters: LettersBeside) => T | Promise<T>): Promise<T> {
  const offline = await OfflineSpool.open(directory);
  try {
    return await use(offline.letters);
  } finally {
    await offline.close();
  }
}

const numbersOf = async (spool: LmdbSpool) => (await spool.deadLettersFrom(0, ALL)).map(({ number }) => number);

it('is left to the proxy that has the directory, which does it at once or after a crash', async () => {
  const directory = temporaryDirectory();
  const told: number[] = [];
  const spool = await openSpool(directory, { onDiscarded: (letters) => void told.push(letters) });
  await giveUp(spool, 3_000);
  const wanted = Array.from({ length: 2_500 }, (_, n) => n + 2);
  expect(await beside(directory, (letters) => letters.discard(wanted))).toBe(false);
  expect(await numbersOf(spool)).toHaveLength(3_000);
  const copy = `${directory}+`;
  copyServed(directory, copy);
  for (const one of [spool, await openSpool(copy)]) {
    expect(await one.takeRequeued()).toEqual([]);
    expect(await numbersOf(one)).toEqual([1, ...Array.from({ length: 499 }, (_, n) => n + 2_502)]);
    expect(one.status().deadLetters).toBe(500);
  }
  expect(told).toEqual([2_500]);
});

it('is done at once where no proxy has the directory, and no number is given again', async () => {
  const directory = temporaryDirectory();
  const spool = await openSpool(directory);
  await giveUp(spool, 4);
  await spool.close();
  expect(await beside(directory, (letters) => letters.discard([1, 3]))).toBe(true);
  expect(await beside(directory, (letters) => [...letters.read()].map(({ number }) => number))).toEqual([2, 4]);
  expect(await beside(directory, (letters) => letters.missing([1, 2, 3, 4, 5]))).toEqual([1, 3, 5]);
  await beside(directory, (letters) => letters.discard([2, 4]));
  const next = await openSpool(directory);
  await giveUp(next, 1);
  expect(await numbersOf(next)).toEqual([5]);
});

it('and sending again can be asked for within the proxy too, by the same requests', async () => {
  const directory = temporaryDirectory();
  const spool = await openSpool(directory);
  await giveUp(spool, 5);
  expect(await spool.orders.ask('discard', [1, 2, 9])).toEqual({ requested: 2, noStates: 0 });
  expect(await spool.orders.ask('requeue', [3])).toEqual({ requested: 1, noStates: 0 });
  expect(await numbersOf(spool)).toEqual([1, 2, 3, 4, 5]);
  const copy = `${directory}+`;
  copyServed(directory, copy);
  for (const one of [spool, await openSpool(copy)]) {
    expect(await one.takeRequeued()).toMatchObject([{ device: DEVICE_A, states: 1 }]);
    expect(await numbersOf(one)).toEqual([4, 5]);
  }
});

it.each([
  ['by their numbers', [1, 2]],
  ['all', 'all'],
] as const)('what was no state is not sent again, and stays: asked for %s', async (_, asked) => {
  const directory = temporaryDirectory();
  const spool = await openSpool(directory);
  await giveUp(spool, 1);
  const fragment = fragmentOfUnreadable(Buffer.from('temperature=21'));
  await spool.keepDeadLetters([{ ...letterOf(DEVICE_A, 5, 2, 'it is no JSON'), status: 0, fragment }]);
  expect(await beside(directory, (letters) => letters.requeue(asked))).toEqual({ requested: 1, noStates: 1 });
  expect(await spool.orders.ask('requeue', [2])).toEqual({ requested: 0, noStates: 1 });
  expect(await spool.takeRequeued()).toMatchObject([{ device: DEVICE_A, states: 1 }]);
  expect(await spool.takeRequeued()).toEqual([]);
  expect(await numbersOf(spool)).toEqual([2]);
});

it('wins over a request to send the same again', async () => {
  const directory = temporaryDirectory();
  const spool = await openSpool(directory);
  await giveUp(spool, 3);
  expect(await beside(directory, (letters) => letters.requeue([1, 2]))).toEqual({ requested: 2, noStates: 0 });
  await beside(directory, (letters) => letters.discard([2]));
  expect(await spool.takeRequeued()).toMatchObject([{ device: DEVICE_A, states: 1 }]);
  expect(await numbersOf(spool)).toEqual([3]);
});

it('takes nothing back of what was asked for before', async () => {
  const directory = temporaryDirectory();
  const spool = await openSpool(directory);
  await giveUp(spool, 4);
  await beside(directory, (letters) => letters.discard([1, 2, 3]));
  await beside(directory, (letters) => letters.discard([1]));
  await spool.takeRequeued();
  expect(await numbersOf(spool)).toEqual([4]);
});

it('passes over a request that cannot be read, which is set aside', async () => {
  const directory = temporaryDirectory();
  const spool = await openSpool(directory);
  await giveUp(spool, 2);
  await spool.close();
  await withRawLmdb(directory, ({ root }) =>
    root.openDB({ name: 'discards', encoding: 'binary', keyEncoding: 'binary' }).put(numberKey(1), Buffer.alloc(12)),
  );
  const next = await openSpool(directory);
  await next.takeRequeued();
  expect(await numbersOf(next)).toEqual([1, 2]);
  expect(next.status().unreadableRecords).toBe(1);
});

it('finds a spool of a version that knew no discarding as good as any', async () => {
  const directory = temporaryDirectory();
  await (await openSpool(directory)).close();
  await withRawLmdb(directory, ({ root }) => root.openDB({ name: 'discards', encoding: 'binary' }).drop());
  const spool = await openSpool(directory);
  await giveUp(spool, 1);
  await beside(directory, (letters) => letters.discard([1]));
  await spool.takeRequeued();
  expect(await numbersOf(spool)).toEqual([]);
});

it('asks for runs of numbers', () => {
  expect(rangesOf([])).toEqual([]);
  expect(rangesOf([1, 2, 3, 5, 8, 9])).toEqual([
    { from: 1, upTo: 3 },
    { from: 5, upTo: 5 },
    { from: 8, upTo: 9 },
  ]);
});
