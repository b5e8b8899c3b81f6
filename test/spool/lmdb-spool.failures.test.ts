import { renameSync } from 'node:fs';
import type { Database, RootDatabase } from 'lmdb';
import * as lmdb from 'lmdb';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LmdbSpool } from '../../src/spool/lmdb-spool.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { BOOT_TAG, DEVICE_A, DEVICE_B, drain, recordOf, wholeChunk } from './contract.js';
import { wellAgain } from './scripted-probe.js';

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

let directory: string;
let clock: FakeClock;
let spool: LmdbSpool;

beforeEach(async () => {
  clock = new FakeClock();
  directory = temporaryDirectory();
  spool = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
});

afterEach(() => spool.close());

/** Makes the next write of each kind fail, as all of one turn do: they are one transaction. */
function failNextWrites(...writes: ['journal' | 'watermarks', 'put' | 'remove'][]): void {
  for (const [name, method] of writes) {
    vi.spyOn(databases.get(name) as Database, method).mockRejectedValueOnce(new Error('input/output error'));
  }
}

/** Lets the disk prove itself. */
function recover(): Promise<void> {
  return wellAgain(clock, spool.diskHealth);
}

async function restart(): Promise<number[]> {
  await spool.close();
  spool = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  return drain(spool).map(({ sequence }) => sequence);
}

it('opens LMDB so that a promise resolves after the fdatasync, a full disk is an error, and no stray memory is written', () => {
  const options = vi.mocked(lmdb.open).mock.lastCall?.[0] as unknown as Record<string, unknown>;
  expect(options.overlappingSync).toBe(false);
  const unsafe = ['noSync', 'noMetaSync', 'mapAsync', 'useWritemap', 'noMemInit', 'separateFlushed'];
  expect(unsafe.filter((name) => options[name])).toEqual([]);
});

it('counts nothing of a record that could not be stored, and numbers on', async () => {
  failNextWrites(['journal', 'put']);
  const { sequence, stored } = spool.append(recordOf(new Map([[DEVICE_A, 2]]), 1));
  await expect(stored).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED', status: 503 });
  expect(spool.status()).toMatchObject({ bytes: 0, states: 0, oldestStoredAtMs: undefined });
  await recover();
  const next = spool.append(recordOf(new Map([[DEVICE_A, 1]]), 2));
  await next.stored;
  expect(next.sequence).toBe(sequence + 1);
  expect(await restart()).toEqual([next.sequence]);
});

it('counts a settlement that failed and is made again only once', async () => {
  const record = recordOf(new Map([[DEVICE_A, 2]]), 1);
  await spool.append(record).stored;
  failNextWrites(['watermarks', 'put'], ['journal', 'remove']);
  await expect(spool.settle(wholeChunk(DEVICE_A, 1, 2))).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED' });
  expect(spool.status()).toMatchObject({ bytes: record.byteLength, states: 2 });
  await recover();
  await spool.settle(wholeChunk(DEVICE_A, 1, 2));
  expect(spool.status()).toMatchObject({ bytes: 0, states: 0, oldestStoredAtMs: undefined });
  expect([...(databases.get('journal') as Database).getKeys()]).toEqual([]);
});

it('keeps the other devices of a record whose settlement failed and is made again', async () => {
  const chunks = new Map([
    [DEVICE_A, 2],
    [DEVICE_B, 3],
  ]);
  await spool.append(recordOf(chunks, 1)).stored;
  failNextWrites(['watermarks', 'put']);
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
  await spool.append(recordOf(chunks, 1)).stored;
  failNextWrites(['watermarks', 'put']);
  const first = spool.settle(wholeChunk(DEVICE_A, 1, 1));
  failNextWrites(['watermarks', 'put'], ['journal', 'remove']);
  const second = spool.settle(wholeChunk(DEVICE_B, 1, 1));
  expect((await Promise.allSettled([first, second])).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await recover();
  await spool.settle(wholeChunk(DEVICE_A, 1, 1));
  expect(await restart()).toEqual([1]);
  expect(spool.status().states).toBe(1);
});

it('writes nothing more after a commit that failed, until the disk has proved itself', async () => {
  await spool.append(recordOf(new Map([[DEVICE_A, 1]]), 1)).stored;
  failNextWrites(['journal', 'put']);
  const failed = spool.append(recordOf(new Map([[DEVICE_A, 1]]), 2));
  await expect(failed.stored).rejects.toThrow();
  const writes = [...databases.values()].flatMap((database) => [
    vi.spyOn(database, 'put'),
    vi.spyOn(database, 'remove'),
  ]);
  for (const write of writes) write.mockClear();
  await expect(spool.append(recordOf(new Map([[DEVICE_A, 1]]), 3)).stored).rejects.toMatchObject({
    code: 'STATEWAY_SPOOL_FAILED',
  });
  await expect(spool.settle(wholeChunk(DEVICE_A, 1, 1))).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED' });
  expect(writes.filter((write) => write.mock.calls.length > 0)).toEqual([]);
  expect(spool.diskFault?.words).toBe('input/output error');
  await recover();
  await spool.settle(wholeChunk(DEVICE_A, 1, 1));
  expect(await restart()).toEqual([]);
});

it('does not acknowledge what nobody would find again, and keeps nothing of it when the directory is back', async () => {
  const kept = spool.append(recordOf(new Map([[DEVICE_A, 1]]), 1));
  await kept.stored;
  const refused = spool.append(recordOf(new Map([[DEVICE_A, 1]]), 2));
  renameSync(directory, `${directory}-away`);
  await expect(refused.stored).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED' });
  expect(spool.diskFault?.code).toBe('MOVED');
  expect(spool.status().states).toBe(1);
  renameSync(`${directory}-away`, directory);
  await recover();
  expect(await restart()).toEqual([kept.sequence]);
});

it('settles what waits though the data directory is gone', async () => {
  await spool.append(recordOf(new Map([[DEVICE_A, 1]]), 1)).stored;
  renameSync(directory, `${directory}-away`);
  await expect(spool.append(recordOf(new Map([[DEVICE_A, 1]]), 2)).stored).rejects.toThrow();
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
  failNextWrites(['journal', 'put'], ['watermarks', 'put']);
  const append = spool.append(recordOf(new Map([[DEVICE_A, 1]]), 1));
  await expect(append.stored).rejects.toThrow();
  await recover();
  expect(told).toEqual(['input/output error', 'well']);
});
