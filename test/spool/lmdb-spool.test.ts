import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { SpoolOpenError } from '../../src/spool/disk/disk-fault.js';
import { LmdbSpool } from '../../src/spool/lmdb-spool.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { append, BOOT_TAG, DEVICE_A, DEVICE_B, drain, recordOf, wholeChunk } from './contract.js';
import { leaveRecords, recordsInJournal, spillOne } from './lmdb-site.js';
import { withRawLmdb } from './raw-lmdb.js';
import { drainBacklog, WaitingDevice } from './waiting-device.js';

const HOUR_MS = 3_600_000;

async function openSpool(directory: string, clock = new FakeClock()): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  onTestFinished(() => spool.close());
  return spool;
}

async function refusalOf(directory: string): Promise<string> {
  const error = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SpoolOpenError);
  return (error as Error).message;
}

it('makes its directory, for its own user alone', async () => {
  const directory = join(temporaryDirectory(), 'not', 'there.yet');
  await openSpool(directory);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

it('closes a directory that others could look into', async () => {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  await openSpool(directory);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

it('takes a directory whose name has a dot for a directory', async () => {
  const directory = join(temporaryDirectory(), 'spool.d');
  mkdirSync(directory);
  await leaveRecords(directory, [DEVICE_A]);
  expect(statSync(join(directory, 'data.mdb')).isFile()).toBe(true);
});

it('refuses another format, names both numbers and changes nothing', async () => {
  const directory = temporaryDirectory();
  await leaveRecords(directory, [DEVICE_A]);
  await withRawLmdb(directory, ({ meta }) => meta.put('format', 4));
  expect(await refusalOf(directory)).toMatch(/spool of format 4; .* reads formats 1 to 3$/);
  expect(await withRawLmdb(directory, ({ meta }) => meta.get('format'))).toBe(4);
  expect(await recordsInJournal(directory)).toEqual([1]);
});

it('refuses a directory whose format it cannot find', async () => {
  const directory = temporaryDirectory();
  await leaveRecords(directory, [DEVICE_A]);
  await withRawLmdb(directory, ({ meta }) => meta.remove('format'));
  expect(await refusalOf(directory)).toContain('its format cannot be read');
});

it('refuses a directory that lacks a database', async () => {
  const directory = temporaryDirectory();
  await leaveRecords(directory, [DEVICE_A]);
  await withRawLmdb(directory, ({ watermarks }) => watermarks.drop());
  expect(await refusalOf(directory)).toContain('its database watermarks is missing');
});

it('goes on with a first start that was cut short', async () => {
  const directory = temporaryDirectory();
  await withRawLmdb(directory, () => {});
  await leaveRecords(directory, [DEVICE_A]);
  expect(await drain(await openSpool(directory))).toHaveLength(1);
});

it('says which directory it cannot open', async () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, 'not a directory');
  expect(await refusalOf(file)).toContain(file);
});

it('refuses a data file that is not its own, and leaves it alone', async () => {
  const directory = temporaryDirectory();
  const dataFile = join(directory, 'data.mdb');
  writeFileSync(dataFile, Buffer.alloc(64 * 1024, 'x'));
  expect(await refusalOf(directory)).toContain('it is not an LMDB file');
  expect(statSync(dataFile).size).toBe(64 * 1024);
});

it('refuses a directory whose pieces are missing', async () => {
  const directory = temporaryDirectory();
  const spool = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG });
  await spillOne(spool, 1);
  await spool.close();
  rmSync(join(directory, 'pieces.dat'));
  expect(await refusalOf(directory)).toContain('pieces.dat');
});

it('lets go of a directory that it refused', async () => {
  const directory = temporaryDirectory();
  await leaveRecords(directory, [DEVICE_A]);
  await withRawLmdb(directory, ({ meta }) => meta.put('format', 4));
  await refusalOf(directory);
  await withRawLmdb(directory, ({ meta }) => meta.put('format', 3));
  expect(await drain(await openSpool(directory))).toHaveLength(1);
});

it('uses the space of what was drained again, and gives it back', async () => {
  const directory = temporaryDirectory();
  const spool = await openSpool(directory);
  const waiting = new WaitingDevice(DEVICE_A);
  const bytesOf = (file: string) => statSync(join(directory, file)).size;
  const filled: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 60; i++) await spillOne(spool, i, 100_000 + 1_000 * (i % 7));
    filled.push(bytesOf('pieces.dat') + bytesOf('data.mdb'));
    await drainBacklog(spool, waiting, 1_000);
  }
  expect(filled[0]).toBeGreaterThan(6_000_000);
  expect(Math.max(...filled)).toBeLessThan((filled[0] as number) * 1.1);
  expect(bytesOf('pieces.dat')).toBe(0);
});

it('forgets an hour after its last settlement a device of which nothing waits', async () => {
  const directory = temporaryDirectory();
  const clock = new FakeClock();
  const spool = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  for (const device of [DEVICE_A, DEVICE_B]) {
    const sequence = await append(spool, recordOf(new Map([[device, 1]]), 1));
    const sends = { count: 1, windowMs: 15_000, untilMs: clock.monotonicMs() };
    await spool.settle({ ...wholeChunk(device, sequence, 1), sends });
    await clock.advance(HOUR_MS / 2);
  }
  await spool.close();
  await clock.advance(HOUR_MS / 4);
  // A has been silent for an hour and a quarter, B for three quarters of one.
  const next = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  expect(next.history(DEVICE_A)).toBeUndefined();
  expect(next.history(DEVICE_B)?.watermark).toEqual({ sequence: 3, states: 0 });
  await next.close();
  const kept = await withRawLmdb(directory, ({ watermarks }) =>
    [...watermarks.getKeys({})].map((key) => key.toString('hex')),
  );
  expect(kept).toEqual([DEVICE_B.key]);
});

it('knows after a crash how far stamps ran ahead of the clock, and of none that did not', async () => {
  const directory = temporaryDirectory();
  const clock = new FakeClock();
  const nowMs = clock.wallMs();
  const record = recordOf(new Map([[DEVICE_A, 1]]), nowMs);
  const first = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  expect(first.stampFloorMs).toBe(0);
  await append(first, record, nowMs);
  await first.close();
  const second = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  expect(second.stampFloorMs).toBe(0);
  await append(second, record, nowMs + 5_000);
  await append(second, record, nowMs + 5_001);
  await second.close();
  const third = await openSpool(directory, clock);
  expect(third.stampFloorMs).toBeGreaterThanOrEqual(nowMs + 5_001);
  expect(third.stampFloorMs).toBeLessThanOrEqual(nowMs + 7_000);
});

it('notes stamps ahead of the clock again after it was set back, whatever was noted before', async () => {
  const directory = temporaryDirectory();
  const clock = new FakeClock();
  const record = recordOf(new Map([[DEVICE_A, 1]]), clock.wallMs());
  const first = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG });
  await append(first, record, clock.wallMs() + 5_000);
  clock.jumpWall(-8 * 3_600_000);
  const aheadMs = clock.wallMs() + 5_000;
  await append(first, record, aheadMs);
  await first.close();
  const second = await openSpool(directory, clock);
  expect(second.stampFloorMs).toBeGreaterThanOrEqual(aheadMs);
  expect(second.stampFloorMs).toBeLessThanOrEqual(aheadMs + 2_000);
});

it('says in the order of their numbers that records are stored, also those that come as a commit ends', async () => {
  const spool = await openSpool(temporaryDirectory());
  const stored: number[] = [];
  const appends: Promise<void>[] = [];
  const store = () => {
    const written = append(spool, recordOf(new Map([[DEVICE_A, 1]]), 1)).then((sequence) => void stored.push(sequence));
    appends.push(written);
    return written;
  };
  for (let round = 0; round < 50; round++) {
    const first = store();
    // While the commit of the first is on its way, and in each step of what follows its end.
    await new Promise(setImmediate);
    store();
    await first;
    for (let step = 0; step < 12; step++) {
      store();
      await Promise.resolve();
    }
  }
  await Promise.all(appends);
  expect(stored).toEqual(stored.toSorted((a, b) => a - b));
  expect(stored).toHaveLength(appends.length);
});
