import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import type { Device } from '../../../src/core/device.js';
import { OfflineSpool } from '../../../src/spool/beside/offline-spool.js';
import { SpoolOpenError } from '../../../src/spool/disk/disk-fault.js';
import { sealRow } from '../../../src/spool/lmdb/sealed-row.js';
import { LmdbSpool } from '../../../src/spool/lmdb-spool.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { append, BOOT_TAG, DEVICE_A, DEVICE_B, drain, recordOf, wholeChunk } from '../contract.js';
import { recordsInJournal } from '../lmdb-site.js';
import { journalKey, leaveOldSpool, oldJournalOf, withRawLmdb } from '../raw-lmdb.js';

const room = vi.hoisted(() => ({ bytes: Number.POSITIVE_INFINITY }));
vi.mock('../../../src/spool/disk/disk-room.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../src/spool/disk/disk-room.js')>();
  return { ...original, diskRoomBytes: (directory: string) => Math.min(room.bytes, original.diskRoomBytes(directory)) };
});

const RECORDS = new Map([3, 4, 7].map((sequence) => [sequence, recordOf(new Map([[DEVICE_A, 2]]), sequence)]));

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
  room.bytes = Number.POSITIVE_INFINITY;
});

async function openSpool(onUnreadable: (item: string, reason: string) => void = () => {}): Promise<LmdbSpool> {
  const clock = new FakeClock(undefined, 5_000);
  const spool = await LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG, onUnreadable });
  onTestFinished(() => spool.close().catch(() => {}));
  return spool;
}

/** A row as the formats before had it: of format 1, or of format 2 with its boot. */
function putOldWatermark(device: Device, sequence: number, bootTag?: number): Promise<unknown> {
  const payload = Buffer.alloc(bootTag === undefined ? 24 : 32);
  payload.writeDoubleLE(sequence, 0);
  payload.writeUInt32LE(17, 20);
  if (bootTag !== undefined) payload.writeUInt32LE(bootTag, 28);
  const key = Buffer.from(device.idBytes);
  return withRawLmdb(directory, ({ watermarks }) => watermarks.put(key, sealRow(key, payload)));
}

function formatOf(): Promise<unknown> {
  return withRawLmdb(directory, ({ meta }) => meta.get('format'));
}

it.each([1, 2] as const)('carries a spool of format %i over, whose records keep their numbers', async (format) => {
  await leaveOldSpool(directory, format, RECORDS);
  await putOldWatermark(DEVICE_A, 4, format === 1 ? undefined : BOOT_TAG);
  const spool = await openSpool();
  const replayed = await drain(spool);
  expect(replayed.map(({ sequence }) => sequence)).toEqual([4, 7]);
  for (const { sequence, record } of replayed) {
    expect(Buffer.compare(record, RECORDS.get(sequence) as Uint8Array)).toBe(0);
  }
  expect(spool.status()).toMatchObject({ states: 4, unreadableRecords: 0 });
  expect(spool.history(DEVICE_A)?.sends).toMatchObject({ count: 17, windowMs: 0 });
  expect(await append(spool, recordOf(new Map([[DEVICE_A, 1]]), 9))).toBe(8);
  await spool.settle(wholeChunk(DEVICE_A, 4, 2));
  await spool.close();
  expect(await formatOf()).toBe(3);
  expect(await withRawLmdb(directory, ({ root }) => oldJournalOf(root).getCount())).toBe(0);
  expect((await drain(await openSpool())).map(({ sequence }) => sequence)).toEqual([7, 8]);
});

it('carries over what needs many commits, and more than one segment', async () => {
  const records = new Map<number, Uint8Array>();
  for (let sequence = 1; sequence <= 120; sequence++) {
    records.set(sequence, recordOf(new Map([[DEVICE_B, 1]]), sequence, 100_000));
  }
  await leaveOldSpool(directory, 2, records);
  expect((await drain(await openSpool())).map(({ sequence }) => sequence)).toEqual([...records.keys()]);
});

it('takes the sequence of a device that had nothing waiting for one that was given out', async () => {
  await leaveOldSpool(directory, 2, new Map());
  await putOldWatermark(DEVICE_A, 41, BOOT_TAG);
  expect(await append(await openSpool(), recordOf(new Map([[DEVICE_A, 1]]), 1))).toBe(42);
});

it('sets aside what it cannot read, and says so', async () => {
  await leaveOldSpool(directory, 2, new Map([...RECORDS, [8, Buffer.from('torn')]]));
  await withRawLmdb(directory, ({ root }) => oldJournalOf(root).put(Buffer.alloc(12, 1), Buffer.from('no sequence')));
  const reports: string[] = [];
  const spool = await openSpool((item, reason) => reports.push(`${item}: ${reason}`));
  expect(await drain(spool)).toHaveLength(3);
  expect(spool.status().unreadableRecords).toBe(2);
  expect(reports.sort()).toEqual([
    `record ${journalKey(8).toString('hex')}: 4 bytes are too few for a record`,
    `record ${Buffer.alloc(12, 1).toString('hex')}: its key is damaged`,
  ]);
  const kept = await spool.close().then(() => withRawLmdb(directory, ({ unreadable }) => unreadable.getCount()));
  expect(kept).toBe(2);
});

it('begins anew what was cut short', async () => {
  await leaveOldSpool(directory, 2, RECORDS);
  const spool = await openSpool();
  await spool.close();
  // As if the last transaction had not come to be: all is in both, and the segments hold a record more.
  await leaveOldSpool(directory, 2, RECORDS);
  writeFileSync(join(directory, 'journal', '000009.seg.new'), 'unfinished');
  const next = await openSpool();
  expect((await drain(next)).map(({ sequence }) => sequence)).toEqual([...RECORDS.keys()]);
  await next.close();
  expect(await recordsInJournal(directory)).toEqual([...RECORDS.keys()]);
  expect(readdirSync(join(directory, 'journal')).filter((name) => !name.endsWith('.seg'))).toEqual([]);
});

it('refuses with a word where the disk has no room for the journal twice, and leaves it as it is', async () => {
  await leaveOldSpool(directory, 2, RECORDS);
  room.bytes = 8 * 1024 * 1024;
  const refused = await openSpool().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(SpoolOpenError);
  expect((refused as Error).message).toMatch(/earlier format, and the disk has no room to carry it over/);
  expect(await formatOf()).toBe(2);
  room.bytes = Number.POSITIVE_INFINITY;
  expect(await drain(await openSpool())).toHaveLength(3);
});

it('refuses where it can set nothing aside, and leaves what it cannot read as it is', async () => {
  await leaveOldSpool(directory, 2, new Map([...RECORDS, [8, Buffer.from('torn')]]));
  const fillForAMoment = () => {
    room.bytes = 0;
    queueMicrotask(() => {
      room.bytes = Number.POSITIVE_INFINITY;
    });
  };
  const refused = await openSpool(fillForAMoment).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(SpoolOpenError);
  expect((refused as Error).message).toMatch(/could not be set aside/);
  expect(await formatOf()).toBe(2);
  const spool = await openSpool();
  expect(await drain(spool)).toHaveLength(3);
  expect(spool.status().unreadableRecords).toBe(1);
});

it('is looked into as it is where no proxy has carried it over', async () => {
  await leaveOldSpool(directory, 2, RECORDS);
  await putOldWatermark(DEVICE_A, 4, BOOT_TAG);
  const beside = await OfflineSpool.open(directory);
  expect(await beside.status()).toMatchObject({ states: 4, unreadableRecords: 0 });
  expect([...(await beside.records())].map(({ timeMs }) => timeMs)).toEqual([4, 5, 7, 8]);
  await beside.close();
  expect(await formatOf()).toBe(2);
  expect(existsSync(join(directory, 'journal'))).toBe(false);
});
