import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { OfflineSpool } from '../../../src/spool/beside/offline-spool.js';
import { LmdbSpool, type LmdbSpoolOptions } from '../../../src/spool/lmdb-spool.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { append, BOOT_TAG, DEVICE_A, DEVICE_B, drain, recordOf, wholeChunk } from '../contract.js';
import { copyServed, leaveRecords } from '../lmdb-site.js';
import { withRawLmdb } from '../raw-lmdb.js';

const room = vi.hoisted(() => ({ bytes: Number.POSITIVE_INFINITY }));
vi.mock('../../../src/spool/disk/disk-room.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../src/spool/disk/disk-room.js')>();
  return { ...original, diskRoomBytes: (directory: string) => Math.min(room.bytes, original.diskRoomBytes(directory)) };
});

/** What each record begins with: its magic number. */
const RECORD_START = Buffer.from([0x53, 0x57, 0x52, 0x01]);
const SEGMENT_BYTES = 64 * 1024;

let directory: string;
let reports: [string, string][];
let cutOff: [string, string][];

beforeEach(() => {
  directory = temporaryDirectory();
  reports = [];
  cutOff = [];
  room.bytes = Number.POSITIVE_INFINITY;
});

async function openSpool(options: Partial<LmdbSpoolOptions> = { segmentBytes: SEGMENT_BYTES }): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({
    bootTag: BOOT_TAG,
    directory,
    clock: new FakeClock(),
    ...options,
    onUnreadable: (item, reason) => reports.push([item, reason]),
    onCutOff: (item, reason) => cutOff.push([item, reason]),
  });
  onTestFinished(() => spool.close().catch(() => {}));
  return spool;
}

const unreadableValues = () =>
  withRawLmdb(directory, ({ unreadable }) => [...unreadable.getRange({})].map(({ value }) => value));

/** Changes the one file of the journal that holds records. */
function damageJournal(damage: (bytes: Buffer) => void): void {
  for (const name of readdirSync(join(directory, 'journal'))) {
    const file = join(directory, 'journal', name);
    const bytes = readFileSync(file);
    if (!bytes.includes(RECORD_START)) continue;
    damage(bytes);
    writeFileSync(file, bytes);
  }
}

/** Where the nth record begins. */
function startOfRecord(bytes: Buffer, nth: number): number {
  let at = -1;
  for (let found = 0; found < nth; found++) at = bytes.indexOf(RECORD_START, at + 1);
  return at;
}

function flipBit(bytes: Buffer, at: number): void {
  bytes[at] = (bytes[at] as number) ^ 1;
}

/** What a look beside the proxy finds: how many states, and what it cannot read. */
async function look() {
  const beside = await OfflineSpool.open(directory);
  const states = [...(await beside.records())].length;
  expect(await beside.status()).toMatchObject({ states });
  const { unreadable } = beside;
  expect((await beside.status()).unreadableRecords).toBe(unreadable.setAside + unreadable.found.length);
  await beside.close();
  return { states, setAside: unreadable.setAside, found: unreadable.found.map(({ item, reason }) => [item, reason]) };
}

it('sets a record that fails its checksum aside, reports it once and replays the others', async () => {
  await leaveRecords(directory, [DEVICE_A, DEVICE_B, DEVICE_A]);
  let damaged = Buffer.alloc(0);
  damageJournal((bytes) => {
    const start = startOfRecord(bytes, 2);
    flipBit(bytes, start + 90);
    damaged = Buffer.from(bytes.subarray(start, start + 100));
  });
  const found = [
    [expect.stringMatching(/^journal 000001\.seg, block 1, byte \d+$/), expect.stringContaining('record 2 ')],
  ];
  expect(await look()).toEqual({ states: 2, setAside: 0, found });
  for (let start = 0; start < 2; start++) {
    const spool = await openSpool();
    expect((await drain(spool)).map(({ sequence }) => sequence)).toEqual([1, 3]);
    expect(spool.status()).toMatchObject({ states: 2, unreadableRecords: 1 });
    // Killed, in effect: what is left is not cleared away before the second start.
    if (start === 0) copyServed(directory, `${directory}-copy`);
    await spool.close();
    if (start === 0) {
      rmSync(directory, { recursive: true });
      renameSync(`${directory}-copy`, directory);
    }
  }
  expect(reports).toEqual(found);
  expect(await look()).toEqual({ states: 2, setAside: 1, found: [] });
  const [kept] = await unreadableValues();
  expect(kept?.includes(damaged)).toBe(true);
});

it('goes on with the others when it has set a record aside', async () => {
  await leaveRecords(directory, [DEVICE_A, DEVICE_B]);
  damageJournal((bytes) => bytes.write('torn', startOfRecord(bytes, 1)));
  const spool = await openSpool();
  expect((await drain(spool)).map(({ sequence }) => sequence)).toEqual([2]);
  expect(reports).toEqual([[expect.any(String), expect.stringContaining('record 1 ')]]);
  await spool.settle(wholeChunk(DEVICE_B, 2, 1));
  expect(spool.status()).toMatchObject({ bytes: 0, states: 0, unreadableRecords: 1 });
});

it('sets a record aside whose number is damaged: under another it might pass for settled', async () => {
  await leaveRecords(directory, [DEVICE_A, DEVICE_B]);
  damageJournal((bytes) => flipBit(bytes, startOfRecord(bytes, 2) - 24 + 8));
  const spool = await openSpool();
  expect((await drain(spool)).map(({ sequence }) => sequence)).toEqual([1]);
  expect(reports).toEqual([[expect.stringMatching(/^journal /), expect.stringContaining('does not match')]]);
});

it('says that a file of the journal is gone, and goes on with the others', async () => {
  const first = await openSpool();
  for (let sequence = 1; sequence <= 6; sequence++) {
    await append(first, recordOf(new Map([[DEVICE_A, 1]]), sequence, 20_000));
  }
  await first.close();
  rmSync(join(directory, 'journal', '000001.seg'));
  const gone = await look();
  const spool = await openSpool();
  const left = (await drain(spool)).map(({ sequence }) => sequence);
  expect(gone).toEqual({ states: left.length, setAside: 0, found: reports });
  // Beside the proxy that has set it aside, it is not found a second time.
  expect(await look()).toEqual({ states: left.length, setAside: 1, found: [] });
  expect(left.at(-1)).toBe(6);
  expect(left.length).toBeLessThan(6);
  expect(reports).toEqual([['journal 000001.seg', expect.stringContaining('is gone')]]);
});

it('reads the segments by themselves where it cannot read which there are', async () => {
  await leaveRecords(directory, [DEVICE_A, DEVICE_B]);
  const first = await openSpool();
  await drain(first);
  await first.settle(wholeChunk(DEVICE_A, 1, 1));
  await first.close();
  await withRawLmdb(directory, ({ meta }) => meta.put('segments', 'damaged'));
  const spool = await openSpool();
  expect((await drain(spool)).map(({ sequence }) => sequence)).toEqual([2]);
  expect(reports).toEqual([['segments', expect.any(String)]]);
  // What is written from now on is newer than what was there: it counts at the next start.
  await spool.settle(wholeChunk(DEVICE_B, 2, 1));
  await spool.close();
  expect(await drain(await openSpool())).toEqual([]);
});

it('keeps what it cannot read where it stands until the disk has room for a copy', async () => {
  await leaveRecords(directory, [DEVICE_A, DEVICE_B]);
  damageJournal((bytes) => bytes.write('torn', startOfRecord(bytes, 1)));
  // Too little for anything new, and enough to settle.
  room.bytes = 1024 * 1024;
  const full = await openSpool({});
  expect((await drain(full)).map(({ sequence }) => sequence)).toEqual([2]);
  await full.settle(wholeChunk(DEVICE_B, 2, 1));
  await full.close();
  expect(await unreadableValues()).toEqual([]);
  room.bytes = Number.POSITIVE_INFINITY;
  const spool = await openSpool({});
  expect(spool.status().unreadableRecords).toBe(1);
  await spool.close();
  const [kept] = await unreadableValues();
  expect(kept?.includes('torn')).toBe(true);
  expect(reports).toHaveLength(2);
  expect(reports[1]).toEqual(reports[0]);
  expect(await drain(await openSpool({}))).toEqual([]);
  expect(reports).toHaveLength(2);
});

it('tells of a write that was cut off apart from damage, once, and counts it for none', async () => {
  const first = await openSpool();
  await append(first, recordOf(new Map([[DEVICE_A, 1]]), 1));
  await append(first, recordOf(new Map([[DEVICE_B, 1]]), 2, 9_000));
  const copy = `${directory}-copy`;
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  copyServed(directory, copy);
  await first.close();
  directory = copy;
  // The middle of three pages has not come to the disk.
  damageJournal((bytes) => bytes.fill(0, 2 * 4096, 3 * 4096));
  for (let start = 0; start < 2; start++) {
    const spool = await openSpool();
    expect((await drain(spool)).map(({ sequence }) => sequence)).toEqual([1]);
    expect(spool.status()).toMatchObject({ states: 1, unreadableRecords: 0 });
    await spool.close();
    const beside = await OfflineSpool.open(directory);
    expect((await beside.status()).unreadableRecords).toBe(0);
    await beside.close();
  }
  expect(reports).toEqual([]);
  expect(cutOff).toEqual([[expect.stringMatching(/^journal \d{6}\.seg, block 2/), expect.stringContaining('cut off')]]);
  expect(await unreadableValues()).toHaveLength(1);
});
