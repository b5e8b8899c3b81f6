import type * as fs from 'node:fs';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Database, RootDatabase } from 'lmdb';
import * as lmdb from 'lmdb';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Settlement, Spill } from '../../src/core/spool-ports.js';
import { LOOKED_FOR_MS } from '../../src/spool/disk/disk-health.js';
import { LmdbSpool } from '../../src/spool/lmdb-spool.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { append, BOOT_TAG, DEVICE_A, DEVICE_B, drain, recordOf, wholeChunk } from './contract.js';
import { letterOf } from './contract-dead-letters.js';
import { wellAgain } from './disk/scripted-probe.js';
import { WaitingDevice } from './waiting-device.js';

/** The databases the spool under test has open, by name, for a test to make one of them fail. */
const databases = new Map<string, Database>();

vi.mock('lmdb', async (importOriginal) => {
  const original = await importOriginal<typeof lmdb>();
  return {
    ...original,
    open: vi.fn((options: lmdb.RootDatabaseOptionsWithPath) => {
      const root: RootDatabase = original.open(options);
      const openDB = root.openDB.bind(root) as (options: { name: string }) => Database;
      root.openDB = ((dbOptions: { name: string }) => {
        const database = openDB(dbOptions);
        databases.set(dbOptions.name, database);
        return database;
      }) as RootDatabase['openDB'];
      return root;
    }),
  };
});

/** Why the next write to a segment of the journal fails; it succeeds while there is no reason. */
const journalWrite = vi.hoisted(() => ({ failure: undefined as Error | undefined, count: 0 }));

vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  const writeOn = original.write as (...args: unknown[]) => void;
  const write = (descriptor: number, ...rest: unknown[]): void => {
    const isOfJournal = original.readlinkSync(`/proc/self/fd/${descriptor}`).endsWith('.seg');
    if (isOfJournal) journalWrite.count++;
    const { failure } = journalWrite;
    if (!isOfJournal || failure === undefined) {
      writeOn(descriptor, ...rest);
      return;
    }
    journalWrite.failure = undefined;
    const fail = () => (rest.at(-1) as (error: Error) => void)(failure);
    if ('isWritten' in failure) writeOn(descriptor, ...rest.slice(0, -1), fail);
    else setImmediate(fail);
  };
  return { ...original, write: Object.defineProperties(write, Object.getOwnPropertyDescriptors(original.write)) };
});

let directory: string;
let clock: FakeClock;
let spool: LmdbSpool;

beforeEach(async () => {
  clock = new FakeClock();
  directory = temporaryDirectory();
  spool = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
});

afterEach(() => spool.close());

const IO_ERROR = new Error('input/output error');

/** Makes the next block of the journal fail. */
function failNextBlock(): void {
  journalWrite.failure = IO_ERROR;
}

/** Makes the next write of a row fail in LMDB, as all of its transaction do. */
function failNextPut(name: 'watermarks' | 'backlog' | 'meta'): void {
  vi.spyOn(databases.get(name) as Database, 'put').mockRejectedValueOnce(IO_ERROR);
}

/** Lets the disk prove itself. */
function recover(): Promise<void> {
  return wellAgain(clock, spool.diskHealth);
}

async function restart(): Promise<number[]> {
  await spool.close();
  spool = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  return (await drain(spool)).map(({ sequence }) => sequence);
}

it('opens LMDB so that a promise resolves after the fdatasync, a full disk is an error, and no stray memory is written', () => {
  const options = vi.mocked(lmdb.open).mock.lastCall?.[0] as unknown as Record<string, unknown>;
  expect(options.overlappingSync).toBe(false);
  const unsafe = ['noSync', 'noMetaSync', 'mapAsync', 'useWritemap', 'noMemInit', 'separateFlushed'];
  expect(unsafe.filter((name) => options[name])).toEqual([]);
});

it('counts nothing of a record that could not be stored, and numbers on', async () => {
  failNextBlock();
  await expect(append(spool, recordOf(new Map([[DEVICE_A, 2]]), 1))).rejects.toMatchObject({
    code: 'STATEWAY_SPOOL_FAILED',
    status: 503,
  });
  expect(spool.status()).toMatchObject({ bytes: 0, states: 0, oldestStoredAtMs: undefined });
  await recover();
  expect(await append(spool, recordOf(new Map([[DEVICE_A, 1]]), 2))).toBe(2);
  expect(await restart()).toEqual([2]);
});

it('counts a settlement that failed and is made again only once', async () => {
  const record = recordOf(new Map([[DEVICE_A, 2]]), 1);
  await append(spool, record);
  failNextBlock();
  await expect(spool.settle(wholeChunk(DEVICE_A, 1, 2))).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED' });
  expect(spool.status()).toMatchObject({ bytes: record.byteLength, states: 2 });
  await recover();
  await spool.settle(wholeChunk(DEVICE_A, 1, 2));
  expect(spool.status()).toMatchObject({ bytes: 0, states: 0, oldestStoredAtMs: undefined });
  expect(await restart()).toEqual([]);
});

it('keeps the other devices of a record whose settlement failed and is made again', async () => {
  const chunks = new Map([
    [DEVICE_A, 2],
    [DEVICE_B, 3],
  ]);
  await append(spool, recordOf(chunks, 1));
  failNextBlock();
  await expect(spool.settle(wholeChunk(DEVICE_A, 1, 2))).rejects.toThrow();
  await recover();
  await spool.settle(wholeChunk(DEVICE_A, 1, 2));
  // The states of B were acknowledged and not delivered: the record must still be there.
  expect(await restart()).toEqual([1]);
  expect(spool.status().states).toBe(3);
});

it('keeps a record whose two devices failed to settle one after the other', async () => {
  const chunks = new Map([
    [DEVICE_A, 1],
    [DEVICE_B, 1],
  ]);
  await append(spool, recordOf(chunks, 1));
  failNextBlock();
  const first = spool.settle(wholeChunk(DEVICE_A, 1, 1));
  const second = spool.settle(wholeChunk(DEVICE_B, 1, 1));
  expect((await Promise.allSettled([first, second])).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await recover();
  await spool.settle(wholeChunk(DEVICE_A, 1, 1));
  expect(await restart()).toEqual([1]);
  expect(spool.status().states).toBe(1);
});

it.each([
  ['block of the journal', failNextBlock, () => append(spool, recordOf(new Map([[DEVICE_A, 1]]), 2))],
  [
    'commit of LMDB',
    () => failNextPut('watermarks'),
    () => spool.settle({ ...wholeChunk(DEVICE_A, 1, 0), deadLetters: [letterOf(DEVICE_A, 1, 1)] }),
  ],
])('writes nothing more after a %s that failed, until the disk has proved itself', async (_, fail, write) => {
  await append(spool, recordOf(new Map([[DEVICE_A, 1]]), 1));
  fail();
  await expect(write()).rejects.toThrow();
  const writes = [...databases.values()].flatMap((database) => [
    vi.spyOn(database, 'put'),
    vi.spyOn(database, 'remove'),
  ]);
  for (const write of writes) write.mockClear();
  journalWrite.count = 0;
  await expect(append(spool, recordOf(new Map([[DEVICE_A, 1]]), 3))).rejects.toMatchObject({
    code: 'STATEWAY_SPOOL_FAILED',
  });
  await expect(spool.settle(wholeChunk(DEVICE_A, 1, 1))).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED' });
  expect(writes.filter((write) => write.mock.calls.length > 0)).toEqual([]);
  expect(journalWrite.count).toBe(0);
  expect(spool.diskFault?.words).toBe('input/output error');
  await recover();
  await spool.settle(wholeChunk(DEVICE_A, 1, 1));
  expect(await restart()).toEqual([]);
});

it('stores nothing of what it refused, though the block may be on the disk whole', async () => {
  const kept = await append(spool, recordOf(new Map([[DEVICE_A, 1]]), 1));
  // It is written, and fails all the same: as a sync does.
  journalWrite.failure = Object.assign(new Error('input/output error'), { isWritten: true });
  const refused = append(spool, recordOf(new Map([[DEVICE_A, 1]]), 2));
  await expect(refused).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED' });
  await recover();
  expect(await restart()).toEqual([kept]);
});

it('keeps the newer watermark in the journal when a transaction with one fails, and takes it to LMDB later', async () => {
  const waiting = new WaitingDevice(DEVICE_A);
  const record = recordOf(new Map([[DEVICE_A, 3]]), 1);
  const sequence = await append(spool, record);
  waiting.add(sequence, record);
  await drain(spool);
  await spool.settle(waiting.settle(1) as Settlement);
  failNextPut('watermarks');
  failNextPut('backlog');
  await expect(spool.spill({ ...(waiting.spill(1) as Spill), finishedSequences: [] })).rejects.toThrow();
  expect(spool.history(DEVICE_A)?.watermark).toEqual({ sequence, states: 1 });
  await recover();
  expect(spool.history(DEVICE_A)?.watermark).toEqual({ sequence, states: 1 });
  expect(await restart()).toEqual([sequence]);
  expect(spool.history(DEVICE_A)?.watermark).toEqual({ sequence, states: 1 });
  expect(spool.status().states).toBe(2);
});

it('closes, and loses nothing, though its last checkpoint fails', async () => {
  const sequence = await append(spool, recordOf(new Map([[DEVICE_A, 2]]), 1));
  await spool.settle({
    ...wholeChunk(DEVICE_A, sequence, 1),
    watermark: { sequence, states: 1 },
    finishedSequences: [],
  });
  failNextPut('meta');
  expect(await restart()).toEqual([sequence]);
  expect(spool.status().states).toBe(1);
});

it('does not acknowledge what nobody would find again, and keeps nothing of it when the directory is back', async () => {
  const kept = await append(spool, recordOf(new Map([[DEVICE_A, 1]]), 1));
  const refused = append(spool, recordOf(new Map([[DEVICE_A, 1]]), 2));
  renameSync(directory, `${directory}-away`);
  await expect(refused).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED' });
  expect(spool.diskFault?.code).toBe('MOVED');
  expect(spool.status().states).toBe(1);
  renameSync(`${directory}-away`, directory);
  await recover();
  expect(await restart()).toEqual([kept]);
});

it('sees that the journal is gone before anything is written to it', async () => {
  const journal = join(directory, 'journal');
  renameSync(journal, `${journal}-away`);
  await clock.advance(LOOKED_FOR_MS);
  expect(spool.diskFault).toMatchObject({ code: 'MOVED', words: 'journal is gone from the data directory' });
  renameSync(`${journal}-away`, journal);
  await recover();
  expect(spool.diskFault).toBeUndefined();
});

it('settles what waits though the data directory is gone', async () => {
  await append(spool, recordOf(new Map([[DEVICE_A, 1]]), 1));
  renameSync(directory, `${directory}-away`);
  await expect(append(spool, recordOf(new Map([[DEVICE_A, 1]]), 2))).rejects.toThrow();
  await spool.settle(wholeChunk(DEVICE_A, 1, 1));
  expect(spool.status().states).toBe(0);
  renameSync(`${directory}-away`, directory);
});

it('says once that the disk fails, and once that it is back', async () => {
  const told: string[] = [];
  await spool.close();
  spool = await LmdbSpool.open({
    directory,
    clock,
    bootTag: BOOT_TAG,
    onDiskFault: ({ words }) => told.push(words),
    onDiskWell: () => told.push('well'),
  });
  failNextBlock();
  await expect(append(spool, recordOf(new Map([[DEVICE_A, 1]]), 1))).rejects.toThrow();
  await recover();
  expect(told).toEqual(['input/output error', 'well']);
});
