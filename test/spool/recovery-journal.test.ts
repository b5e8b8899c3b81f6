import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { LmdbSpool } from '../../src/spool/lmdb-spool.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { BOOT_TAG, DEVICE_A, DEVICE_B, drain, recordOf, wholeChunk } from './contract.js';
import { leaveRecords } from './lmdb-site.js';
import { withRawLmdb } from './raw-lmdb.js';

/** What each record begins with: its magic number. */
const RECORD_START = Buffer.from([0x53, 0x57, 0x52, 0x01]);
const SEGMENT_BYTES = 64 * 1024;

let directory: string;
let reports: [string, string][];

beforeEach(() => {
  directory = temporaryDirectory();
  reports = [];
});

async function openSpool(): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({
    bootTag: BOOT_TAG,
    directory,
    clock: new FakeClock(),
    segmentBytes: SEGMENT_BYTES,
    onUnreadable: (item, reason) => reports.push([item, reason]),
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

it('sets a record that fails its checksum aside, reports it once and replays the others', async () => {
  await leaveRecords(directory, [DEVICE_A, DEVICE_B, DEVICE_A]);
  let damaged = Buffer.alloc(0);
  damageJournal((bytes) => {
    const start = startOfRecord(bytes, 2);
    flipBit(bytes, start + 90);
    damaged = Buffer.from(bytes.subarray(start, start + 100));
  });
  for (let start = 0; start < 2; start++) {
    const spool = await openSpool();
    expect(drain(spool).map(({ sequence }) => sequence)).toEqual([1, 3]);
    expect(spool.status()).toMatchObject({ states: 2, unreadableRecords: 1 });
    // Killed, in effect: what is left is not cleared away before the second start.
    if (start === 0)
      cpSync(directory, `${directory}-copy`, { recursive: true, filter: (file) => !file.endsWith('.sock') });
    await spool.close();
    if (start === 0) {
      rmSync(directory, { recursive: true });
      renameSync(`${directory}-copy`, directory);
    }
  }
  expect(reports).toEqual([
    [expect.stringMatching(/^journal 000001\.seg, block 1, byte \d+$/), expect.stringContaining('record 2 ')],
  ]);
  const [kept] = await unreadableValues();
  expect(kept?.includes(damaged)).toBe(true);
});

it('goes on with the others when it has set a record aside', async () => {
  await leaveRecords(directory, [DEVICE_A, DEVICE_B]);
  damageJournal((bytes) => bytes.write('torn', startOfRecord(bytes, 1)));
  const spool = await openSpool();
  expect(drain(spool).map(({ sequence }) => sequence)).toEqual([2]);
  expect(reports).toEqual([[expect.any(String), expect.stringContaining('record 1 ')]]);
  await spool.settle(wholeChunk(DEVICE_B, 2, 1));
  expect(spool.status()).toMatchObject({ bytes: 0, states: 0, unreadableRecords: 1 });
});

it('sets a record aside whose number is damaged: under another it might pass for settled', async () => {
  await leaveRecords(directory, [DEVICE_A, DEVICE_B]);
  damageJournal((bytes) => flipBit(bytes, startOfRecord(bytes, 2) - 24 + 8));
  const spool = await openSpool();
  expect(drain(spool).map(({ sequence }) => sequence)).toEqual([1]);
  expect(reports).toEqual([[expect.stringMatching(/^journal /), expect.stringContaining('does not match')]]);
});

it('says that a file of the journal is gone, and goes on with the others', async () => {
  const first = await openSpool();
  for (let sequence = 1; sequence <= 6; sequence++) {
    await first.append(recordOf(new Map([[DEVICE_A, 1]]), sequence, 20_000)).stored;
  }
  await first.close();
  rmSync(join(directory, 'journal', '000001.seg'));
  const spool = await openSpool();
  const left = drain(spool).map(({ sequence }) => sequence);
  expect(left.at(-1)).toBe(6);
  expect(left.length).toBeLessThan(6);
  expect(reports).toEqual([['journal 000001.seg', expect.stringContaining('is gone')]]);
});

it('reads the segments by themselves where it cannot read which there are', async () => {
  await leaveRecords(directory, [DEVICE_A, DEVICE_B]);
  const first = await openSpool();
  drain(first);
  await first.settle(wholeChunk(DEVICE_A, 1, 1));
  await first.close();
  await withRawLmdb(directory, ({ meta }) => meta.put('segments', 'damaged'));
  const spool = await openSpool();
  expect(drain(spool).map(({ sequence }) => sequence)).toEqual([2]);
  expect(reports).toEqual([['segments', expect.any(String)]]);
  // What is written from now on is newer than what was there: it counts at the next start.
  await spool.settle(wholeChunk(DEVICE_B, 2, 1));
  await spool.close();
  expect(drain(await openSpool())).toEqual([]);
});
