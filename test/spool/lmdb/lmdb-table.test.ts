import * as fs from 'node:fs';
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RootDatabase } from 'lmdb';
import * as lmdb from 'lmdb';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { SpoolOpenError } from '../../../src/spool/disk/disk-fault.js';
import type { DiskHealth } from '../../../src/spool/disk/disk-health.js';
import { LmdbTable } from '../../../src/spool/lmdb/lmdb-table.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { wellAgain, wellDisk } from '../disk/scripted-probe.js';

/** What is mapped at most between two times that pages are given back. */
const GIVEN_BACK_BYTES = 40 * 1024 * 1024;

/** The environment that the table under test has open, for a test to make it fail. */
let root: RootDatabase;

vi.mock('lmdb', async (importOriginal) => {
  const original = await importOriginal<typeof lmdb>();
  return {
    ...original,
    open: vi.fn((options: lmdb.RootDatabaseOptionsWithPath) => {
      root = original.open(options);
      return root;
    }),
  };
});

vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  return { ...original, statfsSync: vi.fn(original.statfsSync) };
});

let directory: string;
let clock: FakeClock;
let disk: DiskHealth;

beforeEach(() => {
  directory = join(temporaryDirectory(), 'da.ta', 'grants');
  clock = new FakeClock();
  disk = wellDisk(clock);
});

function open(): LmdbTable {
  const table = new LmdbTable(directory, disk);
  onTestFinished(() => table.close());
  return table;
}

/** Every row, as it stands behind what `scan` shows for a moment. */
function rowsOf(table: LmdbTable): [key: string, value: Buffer][] {
  const rows: [string, Buffer][] = [];
  table.scan((key, value) => rows.push([key, Buffer.from(value)]));
  return rows;
}

it('holds what was put, in the same run and the next', async () => {
  const table = open();
  const value = Buffer.from([0, 255, 10, 13]);
  await table.put('row', value);
  await table.put('row:2', new Uint8Array(value.buffer, value.byteOffset + 1, 2));
  expect(table.get('row')).toEqual(value);
  await table.close();
  const next = open();
  expect(rowsOf(next)).toEqual([
    ['row', value],
    ['row:2', Buffer.from([255, 10])],
  ]);
});

it('replaces and removes; a row that is not there may be removed too', async () => {
  const table = open();
  await table.put('row', Buffer.from('a'));
  await table.put('row', Buffer.from('b'));
  expect(table.get('row')).toEqual(Buffer.from('b'));
  await table.remove('row');
  await table.remove('row');
  expect(table.get('row')).toBeUndefined();
  expect(rowsOf(table)).toEqual([]);
  expect(table.isEmpty).toBe(true);
});

it('gives values that stay what they are when their row changes', async () => {
  const table = open();
  await table.put('row', Buffer.from('before'));
  const [entry] = rowsOf(table);
  const value = table.get('row');
  await table.put('row', Buffer.from('after!'));
  expect(Buffer.from(value as Uint8Array).toString()).toBe('before');
  expect(Buffer.from(entry?.[1] as Uint8Array).toString()).toBe('before');
});

it('holds a hundred thousand rows', async () => {
  const table = open();
  await Promise.all(Array.from({ length: 100_000 }, (_, i) => table.put(`row ${i}`, Buffer.from(`value ${i}`))));
  expect(table.get('row 99999')).toEqual(Buffer.from('value 99999'));
  expect(rowsOf(table)).toHaveLength(100_000);
});

describe('the pages of its file', () => {
  const ROWS = 20_000;

  /** Bytes of it that stand in the memory of this process. */
  function mappedBytes(): number {
    const maps = fs.readFileSync('/proc/self/smaps', 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
    const own = maps.filter((map) => map.includes(join(directory, 'data.mdb')));
    const kilobytes = own.map((map) => Number(/^Rss: +(\d+) kB$/m.exec(map)?.[1]));
    return 1024 * kilobytes.reduce((sum, each) => sum + each, 0);
  }

  async function filled(): Promise<LmdbTable> {
    const table = open();
    const value = Buffer.alloc(1_000, 1);
    await Promise.all(Array.from({ length: ROWS }, (_, i) => table.put(`row ${i}`, value)));
    return table;
  }

  function readAll(table: LmdbTable): void {
    for (let i = 0; i < ROWS; i++) expect(table.get(`row ${i}`)).toHaveLength(1_000);
  }

  it.runIf(process.platform === 'linux')('do not come there by the rows that a start is shown', async () => {
    const before = await filled();
    await before.close();
    const table = open();
    expect(table.isEmpty).toBe(false);
    expect(rowsOf(table)).toHaveLength(ROWS);
    expect(mappedBytes()).toBeLessThan(1024 * 1024);
  });

  it('are not given back while its directory is moved away, since another would be made in its place', async () => {
    const table = await filled();
    renameSync(directory, `${directory}-away`);
    const [{ size }, seen] = [statSync(join(`${directory}-away`, 'data.mdb')), vi.mocked(lmdb.open).mock.calls.length];
    readAll(table);
    // After whatever this has begun: it holds back what is written until it is over.
    await table.put('later', Buffer.from('later'));
    expect(existsSync(directory)).toBe(false);
    expect(vi.mocked(lmdb.open).mock.calls.length).toBe(seen);
    renameSync(`${directory}-away`, directory);
    readAll(table);
    await table.put('last', Buffer.from('last'));
    await expect.poll(() => vi.mocked(lmdb.open).mock.calls.length).toBeGreaterThan(seen);
    expect(table.get('later')?.toString()).toBe('later');
    expect(statSync(join(directory, 'data.mdb')).size).toBeGreaterThanOrEqual(size);
  });

  it.runIf(process.platform === 'linux')('leave the memory of the process when many rows were looked at', async () => {
    const table = await filled();
    readAll(table);
    expect(mappedBytes()).toBeGreaterThan(10 * 1024 * 1024);
    await expect.poll(mappedBytes).toBeLessThan(1024 * 1024);
    for (let i = 0; i < ROWS; i++) {
      table.get(`row ${i}`);
      if (i % 100 === 0) await new Promise(setImmediate);
    }
    await expect.poll(mappedBytes).toBeLessThan(GIVEN_BACK_BYTES);
  });

  it('can be given back at any time: every row is there, and every write is done', async () => {
    const table = await filled();
    const environments = new Set<RootDatabase>();
    let isOver = false;
    let missed = 0;
    /** Looks whenever anything else may run. */
    const look = async () => {
      for (let i = 0; !isOver; i = (i + 1) % ROWS) {
        if (table.get(`row ${i}`) === undefined) missed++;
        await (i % 3 === 0 ? new Promise(setImmediate) : undefined);
      }
    };
    const looking = Promise.all([look(), look(), look()]);
    for (let i = 0; i < 50; i++) {
      await table.put(`row ${i}`, Buffer.from(`new ${i}`));
      environments.add(root);
    }
    isOver = true;
    await looking;
    expect(environments.size).toBeGreaterThan(1);
    expect(missed).toBe(0);
    for (let i = 0; i < 50; i++) expect(table.get(`row ${i}`)).toEqual(Buffer.from(`new ${i}`));
  });

  it('that cannot be opened anew are a fault of the disk, and the table is there when that is over', async () => {
    const table = await filled();
    await expect.poll(() => table.get('row 1')).toHaveLength(1_000);
    vi.mocked(lmdb.open).mockImplementationOnce(() => {
      throw new Error('too many open files');
    });
    readAll(table);
    await expect.poll(() => disk.fault).toBeDefined();
    await expect(table.put('row 1', Buffer.from('new'))).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED' });
    await wellAgain(clock, disk);
    expect(table.get('row 1')).toHaveLength(1_000);
  });
});

it('makes its directory for its owner alone', () => {
  open();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

it('opens LMDB so that a promise resolves after the fdatasync, and no stray memory is written', () => {
  open();
  const options = vi.mocked(lmdb.open).mock.lastCall?.[0] as unknown as Record<string, unknown>;
  expect(options.overlappingSync).toBe(false);
  const unsafe = ['noSync', 'noMetaSync', 'mapAsync', 'useWritemap', 'noMemInit', 'separateFlushed'];
  expect(unsafe.filter((name) => options[name])).toEqual([]);
});

it.each(['put', 'remove'] as const)('says of a %s that the disk does not take that it failed', async (method) => {
  const table = open();
  await table.put('row', Buffer.from('a'));
  vi.spyOn(root, method).mockRejectedValueOnce(new Error('no space left on device'));
  const write = method === 'put' ? table.put('row', Buffer.from('b')) : table.remove('row');
  await expect(write).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FULL' });
  expect(table.get('row')).toEqual(Buffer.from('a'));
  expect(disk.fault?.words).toBe('no space left on device');
});

it('writes nothing while the disk fails, and is opened anew before it does again', async () => {
  const table = open();
  await table.put('row', Buffer.from('a'));
  disk.report(new Error('input/output error'));
  const before = root;
  const put = vi.spyOn(root, 'put');
  await expect(table.put('row', Buffer.from('b'))).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FAILED' });
  expect(put).not.toHaveBeenCalled();
  await wellAgain(clock, disk);
  expect(root).not.toBe(before);
  expect(table.get('row')).toEqual(Buffer.from('a'));
  await table.put('row', Buffer.from('b'));
  expect(table.get('row')).toEqual(Buffer.from('b'));
});

it('writes nothing to a disk that is full, as LMDB could end the process when it is the one to find out', async () => {
  const table = open();
  await table.put('row', Buffer.from('a'));
  const room = fs.statfsSync(directory);
  const write = vi.spyOn(root, 'put');
  vi.mocked(fs.statfsSync).mockReturnValueOnce({ ...room, bsize: 4_096, bavail: 255 } as typeof room);
  await expect(table.put('row', Buffer.from('b'))).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FULL' });
  expect(write).not.toHaveBeenCalled();
  vi.mocked(fs.statfsSync).mockReturnValueOnce({ ...room, bsize: 4_096, bavail: 255 } as typeof room);
  await expect(table.remove('row')).rejects.toMatchObject({ code: 'STATEWAY_SPOOL_FULL' });
  vi.mocked(fs.statfsSync).mockReturnValueOnce({ ...room, bsize: 4_096, bavail: 256 } as typeof room);
  await table.put('row', Buffer.from('c'));
  expect(table.get('row')).toEqual(Buffer.from('c'));
});

it('says of a directory that holds something else why it cannot be opened', () => {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'data.mdb'), 'x'.repeat(10_000));
  expect(open).toThrow(SpoolOpenError);
  expect(open).toThrow(/grants cannot be opened: data\.mdb is damaged and was left as it is: it is not an LMDB file/);
});
