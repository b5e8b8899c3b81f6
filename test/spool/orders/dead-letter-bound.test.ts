import { expect, it, onTestFinished, vi } from 'vitest';
import type { DeadLetter } from '../../../src/core/dead-letter.js';
import type { Settlement } from '../../../src/core/spool-ports.js';
import { numberKey } from '../../../src/spool/lmdb/sealed-row.js';
import { LmdbSpool, type LmdbSpoolOptions } from '../../../src/spool/lmdb-spool.js';
import type { DroppedLetters } from '../../../src/spool/orders/dead-letter-bound.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { ALL, append, BOOT_TAG, DEVICE_A, drain, recordOf, wholeChunk } from '../contract.js';
import { letterOf } from '../contract-dead-letters.js';
import { copyServed } from '../lmdb-site.js';
import { withRawLmdb } from '../raw-lmdb.js';

const LETTER_BYTES = 10_000;
/** Of a letter in LMDB: whole pages of its own. */
const PAGES_BYTES = 3 * 4_096;

async function openSpool(directory: string, options: Partial<LmdbSpoolOptions> = {}): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG, ...options });
  onTestFinished(() => spool.close().catch(() => {}));
  await drain(spool);
  return spool;
}

/** Gives up so many states, all in one settlement. */
async function giveUp(spool: LmdbSpool, count: number, bytes = LETTER_BYTES): Promise<void> {
  const sequence = await append(spool, recordOf(new Map([[DEVICE_A, count]]), 1));
  const letter: DeadLetter = { ...letterOf(DEVICE_A, 1, 1), fragment: new Uint8Array(bytes) };
  const deadLetters = Array.from({ length: count }, () => letter);
  await spool.settle({ ...(wholeChunk(DEVICE_A, sequence, count) as Settlement), deadLetters });
}

const numbersOf = async (spool: LmdbSpool) => (await spool.deadLettersFrom(0, ALL)).map(({ number }) => number);

it('has the oldest go when all together take more than they may, and counts them', async () => {
  const told: DroppedLetters[] = [];
  const maxDeadLetterBytes = 10 * PAGES_BYTES + 4_096;
  const spool = await openSpool(temporaryDirectory(), { maxDeadLetterBytes, onDropped: (d) => void told.push(d) });
  await giveUp(spool, 10);
  expect(spool.status()).toMatchObject({ deadLetters: 10, deadLetterBytes: maxDeadLetterBytes });
  expect(spool.orders.dropped).toBe(0);
  await giveUp(spool, 3);
  await vi.waitFor(() => expect(spool.orders.dropped).toBe(3));
  expect(await numbersOf(spool)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  expect(spool.status()).toMatchObject({ deadLetters: 10, deadLetterBytes: maxDeadLetterBytes });
  expect(told.reduce((sum, { letters }) => sum + letters, 0)).toBe(3);
  expect(told.at(-1)).toMatchObject({ upTo: 3 });
});

it('drops some at a time after the bound was lowered, and goes on after a crash in the midst of it', async () => {
  const directory = temporaryDirectory();
  const before = await openSpool(directory);
  await giveUp(before, 2_500, 100);
  await giveUp(before, 1, 40_000);
  await before.close();
  const copy = `${directory}+`;
  const drops: number[] = [];
  const onDropped = ({ letters }: DroppedLetters) => {
    // What would be there if the process were killed now.
    if (drops.push(letters) === 1) copyServed(directory, copy);
  };
  const spool = await openSpool(directory, { maxDeadLetterBytes: 64 * 1024, onDropped });
  await spool.takeRequeued();
  await vi.waitFor(() => expect(spool.status().deadLetterBytes).toBeLessThanOrEqual(64 * 1024));
  expect(Math.max(...drops)).toBeLessThanOrEqual(1_000);
  expect(drops.length).toBeGreaterThanOrEqual(3);

  const killed = await openSpool(copy, { maxDeadLetterBytes: 64 * 1024 });
  const [first] = await numbersOf(killed);
  expect(first).toBe((drops[0] as number) + 1);
  expect(killed.status().deadLetters).toBe(2_501 - (drops[0] as number));
  await killed.takeRequeued();
  await vi.waitFor(() => expect(killed.status()).toMatchObject({ deadLetters: spool.status().deadLetters }));
  expect(await numbersOf(killed)).toEqual(await numbersOf(spool));
});

it('gives no number again after all have gone, and a crash', async () => {
  const directory = temporaryDirectory();
  const spool = await openSpool(directory, { maxDeadLetterBytes: 4_096 });
  await giveUp(spool, 2);
  await vi.waitFor(() => expect(spool.status().deadLetters).toBe(0));
  const copy = `${directory}+`;
  copyServed(directory, copy);
  const killed = await openSpool(copy);
  await giveUp(killed, 1);
  expect((await numbersOf(killed))[0]).toBeGreaterThan(2);
});

it('never drops one that cannot be read: that is set aside', async () => {
  const directory = temporaryDirectory();
  const before = await openSpool(directory);
  await giveUp(before, 3);
  await before.close();
  await withRawLmdb(directory, ({ deadLetters }) => deadLetters.put(numberKey(1), Buffer.alloc(LETTER_BYTES)));
  const spool = await openSpool(directory, { maxDeadLetterBytes: 4_096 + PAGES_BYTES });
  await spool.takeRequeued();
  await vi.waitFor(async () => expect(await numbersOf(spool)).toEqual([3]));
  expect(spool.status()).toMatchObject({ deadLetters: 1, unreadableRecords: 1 });
  expect(spool.orders.dropped).toBe(1);
});
