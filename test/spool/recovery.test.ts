import { closeSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import type { Device } from '../../src/core/device.js';
import type { Settlement, Spill } from '../../src/core/spool-ports.js';
import { lookWhole } from '../../src/spool/beside/damage-beside.js';
import { OfflineSpool } from '../../src/spool/beside/offline-spool.js';
import { numberKey, pieceKey } from '../../src/spool/lmdb/sealed-row.js';
import { LmdbSpool } from '../../src/spool/lmdb-spool.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { ALL, append, BOOT_TAG, DEVICE_A, DEVICE_B, drain, recordOf, wholeChunk } from './contract.js';
import { letterOf } from './contract-dead-letters.js';
import { leaveRecords } from './lmdb-site.js';
import { withRawLmdb } from './raw-lmdb.js';
import { drainBacklog, WaitingDevice } from './waiting-device.js';

/** What each of {@link leavePieces} takes in the file. */
const PIECE_SPACE_BYTES = 10_240;

let directory: string;
let reports: [string, string][];
/** Whose each of the reports is. */
let owners: (readonly Device[] | undefined)[];

beforeEach(() => {
  directory = temporaryDirectory();
  reports = [];
  owners = [];
});

async function openSpool(): Promise<LmdbSpool> {
  const clock = new FakeClock();
  const spool = await LmdbSpool.open({
    bootTag: BOOT_TAG,
    directory,
    clock,
    onUnreadable: (item, reason, whose) => {
      reports.push([item, reason]);
      owners.push(whose);
    },
  });
  onTestFinished(() => spool.close().catch(() => {}));
  return spool;
}

/** Leaves a piece of one state of the device, too large to be merged, for each time. */
async function leavePieces(device: Device, timesMs: readonly number[]): Promise<void> {
  const spool = await openSpool();
  await drain(spool);
  const waiting = new WaitingDevice(device);
  for (const timeMs of timesMs) {
    const record = recordOf(new Map([[device, 1]]), timeMs, 10_000);
    const sequence = await append(spool, record);
    waiting.add(sequence, record);
    await spool.spill(waiting.spill(1) as Spill);
  }
  await spool.close();
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

it('does not trust a watermark that it cannot read: rather twice than never', async () => {
  await leaveRecords(directory, [DEVICE_A]);
  const first = await openSpool();
  await drain(first);
  const sequence = await append(first, recordOf(new Map([[DEVICE_A, 3]]), 5));
  await first.settle({ ...wholeChunk(DEVICE_A, 1, 1), watermark: { sequence, states: 2 }, states: 3 });
  await first.close();
  const key = Buffer.from(DEVICE_A.idBytes);
  await withRawLmdb(directory, ({ watermarks }) => watermarks.put(key, flipped(watermarks.get(key) as Buffer, 3)));
  const spool = await openSpool();
  expect(await drain(spool)).toHaveLength(1);
  expect(spool.history(DEVICE_A)).toBeUndefined();
  expect(spool.status()).toMatchObject({ states: 3, unreadableRecords: 1 });
  expect(reports).toEqual([[`watermark ${DEVICE_A.key}`, 'its checksum does not match']]);
  expect(owners).toEqual([[DEVICE_A]]);
});

it('gives no sequence out again when it cannot read which were', async () => {
  await leaveRecords(directory, [DEVICE_A]);
  const first = await openSpool();
  await drain(first);
  await first.settle(wholeChunk(DEVICE_A, 1, 1));
  await first.close();
  await withRawLmdb(directory, async ({ meta, watermarks }) => {
    await meta.put('floors', { ...(meta.get('floors') as object), sequence: 0 });
    await watermarks.remove(Buffer.from(DEVICE_A.idBytes));
  });
  const spool = await openSpool();
  expect(await append(spool, recordOf(new Map([[DEVICE_A, 1]]), 5))).toBeGreaterThan(1_000_000);
  expect(reports).toEqual([['numbering', expect.any(String)]]);
});

it.each([
  ['a flipped bit', (at: number) => overwrite(at + 5_000, 'y')],
  [
    'another piece in its place',
    (at: number) => overwrite(at, readFileSync(join(directory, 'pieces.dat')).subarray(0, 9_000)),
  ],
])('sets a piece aside that has %s, and gives the next', async (_, damage) => {
  await leavePieces(DEVICE_A, [10, 20, 30]);
  damage(PIECE_SPACE_BYTES);
  const beside = await OfflineSpool.open(directory);
  expect([...(await beside.records())].map(({ timeMs }) => timeMs)).toEqual([10, 30]);
  const item = `piece ${pieceKey(DEVICE_A.idBytes, 2).toString('hex')}`;
  expect(beside.unreadable).toEqual({ setAside: 0, found: [{ item, reason: expect.any(String) }] });
  await beside.close();
  const counted = await OfflineSpool.open(directory);
  expect(await counted.status()).toMatchObject({ states: 2, unreadableRecords: 1 });
  await counted.close();
  const spool = await openSpool();
  await drain(spool);
  expect(spool.status()).toMatchObject({ states: 3, unreadableRecords: 0 });
  const times = (await drainBacklog(spool, new WaitingDevice(DEVICE_A), 9)).map(({ time }) => time);
  expect(times).toEqual([10, 30]);
  expect(spool.status()).toMatchObject({ bytes: 0, states: 0, oldestStoredAtMs: undefined, unreadableRecords: 1 });
  expect(reports.map(([item]) => item)).toEqual([item]);
  await spool.close();
  const next = await openSpool();
  expect(next.status()).toMatchObject({ states: 0, unreadableRecords: 1 });
  expect(await next.firstPiece(DEVICE_A)).toBeUndefined();
});

function overwrite(at: number, bytes: string | Buffer): void {
  const descriptor = openSync(join(directory, 'pieces.dat'), 'r+');
  writeSync(descriptor, Buffer.from(bytes), 0, bytes.length, at);
  closeSync(descriptor);
}

it('sets aside what a file of pieces that was cut off has lost, and delivers the rest', async () => {
  await leavePieces(DEVICE_A, [10, 20, 30]);
  truncateSync(join(directory, 'pieces.dat'), 15_000);
  const spool = await openSpool();
  await drain(spool);
  const times = (await drainBacklog(spool, new WaitingDevice(DEVICE_A), 9)).map(({ time }) => time);
  expect(times).toEqual([10]);
  expect(spool.status()).toMatchObject({ states: 0, unreadableRecords: 2 });
  expect(owners).toEqual([[DEVICE_A], [DEVICE_A]]);
});

it('writes over nothing that was set aside', async () => {
  await leavePieces(DEVICE_A, [10, 20, 30]);
  const before = readFileSync(join(directory, 'pieces.dat'));
  overwrite(PIECE_SPACE_BYTES + 300, 'y');
  for (let start = 0; start < 2; start++) {
    const spool = await openSpool();
    await drain(spool);
    await drainBacklog(spool, new WaitingDevice(DEVICE_A), 9);
    await spool.close();
    await leavePieces(DEVICE_B, [40, 50, 60, 70]);
  }
  const after = readFileSync(join(directory, 'pieces.dat'));
  const kept = after.subarray(PIECE_SPACE_BYTES, 2 * PIECE_SPACE_BYTES);
  kept[300] = before[PIECE_SPACE_BYTES + 300] as number;
  expect(kept.equals(before.subarray(PIECE_SPACE_BYTES, 2 * PIECE_SPACE_BYTES))).toBe(true);
});

it('writes over nothing that may be the piece of a row that it cannot read', async () => {
  await leavePieces(DEVICE_A, [10, 20, 30]);
  const before = readFileSync(join(directory, 'pieces.dat'));
  const key = pieceKey(DEVICE_A.idBytes, 2);
  await withRawLmdb(directory, ({ backlog }) => backlog.put(key, flipped(backlog.get(key) as Buffer, 1)));
  const spool = await openSpool();
  await drain(spool);
  expect(spool.status()).toMatchObject({ states: 2, unreadableRecords: 1 });
  await drainBacklog(spool, new WaitingDevice(DEVICE_A), 9);
  await spool.close();
  await leavePieces(DEVICE_B, [40, 50, 60, 70]);
  const after = readFileSync(join(directory, 'pieces.dat'));
  expect(
    after
      .subarray(PIECE_SPACE_BYTES, 2 * PIECE_SPACE_BYTES)
      .equals(before.subarray(PIECE_SPACE_BYTES, 2 * PIECE_SPACE_BYTES)),
  ).toBe(true);
});

it('sets a dead letter aside that it cannot read, and lists the others', async () => {
  const first = await openSpool();
  await drain(first);
  const sequence = await append(first, recordOf(new Map([[DEVICE_A, 3]]), 1));
  const deadLetters = [1, 2, 3].map((n) => letterOf(DEVICE_A, n, n));
  await first.settle({ ...(wholeChunk(DEVICE_A, sequence, 3) as Settlement), deadLetters });
  await first.close();
  const key = numberKey(2);
  await withRawLmdb(directory, ({ deadLetters: rows }) => rows.put(key, flipped(rows.get(key) as Buffer, 60)));
  const spool = await openSpool();
  for (let look = 0; look < 2; look++)
    expect((await spool.deadLettersFrom(0, ALL)).map(({ number }) => number)).toEqual([1, 3]);
  expect(spool.status()).toMatchObject({ deadLetters: 2, unreadableRecords: 1 });
  expect(reports).toHaveLength(1);
  expect(owners).toEqual([[DEVICE_A]]);
});

it('sets a request aside that it cannot read, and does the others', async () => {
  const first = await openSpool();
  await drain(first);
  const sequence = await append(first, recordOf(new Map([[DEVICE_A, 1]]), 1));
  await first.settle({ ...wholeChunk(DEVICE_A, sequence, 1), deadLetters: [letterOf(DEVICE_A, 1, 1)] });
  await first.close();
  await withRawLmdb(directory, ({ requests }) => requests.put(numberKey(1), Buffer.alloc(12)));
  const spool = await openSpool();
  expect(await spool.takeRequeued()).toEqual([]);
  expect(spool.status()).toMatchObject({ deadLetters: 1, unreadableRecords: 1 });
  expect(owners).toEqual([undefined]);
});

it('says the way on where its data file is damaged, and of a copy without that file reads the journal', async () => {
  await leaveRecords(directory, [DEVICE_A, DEVICE_B]);
  const file = join(directory, 'data.mdb');
  const whole = readFileSync(file);
  writeFileSync(file, Buffer.from(whole).fill(0, 0, 100));
  await expect(openSpool()).rejects.toThrow(
    /is damaged and was left as it is: .*Move \S+ away as it is and start anew/,
  );
  await expect(lookWhole(directory)).rejects.toThrow('The data directory is damaged');
  writeFileSync(file, whole);
  await expect(lookWhole(directory)).resolves.toBe(false);
  rmSync(file);
  expect(await drain(await openSpool())).toHaveLength(2);
  await expect(lookWhole(directory)).resolves.toBe(true);
});
