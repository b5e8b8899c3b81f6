import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DiskReserve } from '../../../src/spool/disk/disk-room.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';

const MEBIBYTE = 1024 * 1024;

/** A reserve on a disk whose room is as the test says. */
function createSite(disk: number, free = 0) {
  const directory = temporaryDirectory();
  const clock = new FakeClock();
  const room = { disk: disk * MEBIBYTE, free: free * MEBIBYTE };
  const options = { directory, clock, diskBytes: () => room.disk, freeBytes: () => room.free };
  const file = join(directory, 'reserve');
  return { clock, room, file, reserve: new DiskReserve(options), reopen: () => new DiskReserve(options) };
}

it('is open while there is room, and holds a file back for the day on which there is none', async () => {
  const { reserve, file } = createSite(100);
  expect(reserve.isClosed).toBe(false);
  expect(statSync(file).size).toBe(2 * MEBIBYTE);
});

it('is closed on a disk that is nearly full from the beginning, and needs no file for that', async () => {
  const { reserve, file } = createSite(7.9);
  expect(reserve.isClosed).toBe(true);
  expect(existsSync(file)).toBe(false);
});

it('closes below 4 MiB, and opens above 8 MiB by itself, a second later', async () => {
  const { reserve, clock, room } = createSite(100);
  expect(reserve.isClosed).toBe(false);
  room.disk = 4 * MEBIBYTE - 1;
  await clock.advance(20);
  expect(reserve.isClosed).toBe(true);
  room.disk = 8 * MEBIBYTE - 1;
  await clock.advance(1_000);
  expect(reserve.isClosed).toBe(true);
  room.disk = 8 * MEBIBYTE;
  expect(reserve.isClosed).toBe(true);
  await clock.advance(1_000);
  expect(reserve.isClosed).toBe(false);
});

it('lets the journal take of the disk what leaves it open, whatever is free inside the data file', () => {
  const { reserve } = createSite(12, 100);
  expect(reserve.hasRoomFor(4 * MEBIBYTE)).toBe(true);
  expect(reserve.hasRoomFor(4 * MEBIBYTE + 1)).toBe(false);
});

it('counts what is free inside the data file when the disk has little', async () => {
  const { reserve } = createSite(3, 5);
  expect(reserve.isClosed).toBe(false);
  expect(createSite(3, 4.9).reserve.isClosed).toBe(true);
});

it('gives the file away for a settlement when nothing else is left, and closes', async () => {
  const { reserve, clock, room, file } = createSite(100);
  expect(reserve.isClosed).toBe(false);
  room.disk = MEBIBYTE / 4 - 1;
  await clock.advance(20);
  expect(reserve.takesSettlement()).toBe(true);
  expect(existsSync(file)).toBe(false);
  expect(reserve.isClosed).toBe(true);
  expect(reserve.takesSettlement()).toBe(false);
  room.free = MEBIBYTE;
  expect(reserve.takesSettlement()).toBe(true);
});

it('holds a file back again when there is room for it', async () => {
  const { reserve, clock, room, file } = createSite(100);
  expect(reserve.isClosed).toBe(false);
  room.disk = 0;
  await clock.advance(20);
  reserve.takesSettlement();
  room.disk = 10 * MEBIBYTE;
  await clock.advance(1_000);
  expect(reserve.isClosed).toBe(false);
  expect(existsSync(file)).toBe(true);
});

it('finds the file of the run before, for the settlements of a start on a full disk', async () => {
  const { reserve, room, file, reopen } = createSite(100);
  expect(reserve.isClosed).toBe(false);
  room.disk = 0;
  const next = reopen();
  expect(next.isClosed).toBe(true);
  expect(next.takesSettlement()).toBe(true);
  expect(existsSync(file)).toBe(false);
});

it('closes when the disk was full after all, and leaves it to the next look', async () => {
  const { reserve, clock } = createSite(100);
  expect(reserve.isClosed).toBe(false);
  reserve.close();
  expect(reserve.isClosed).toBe(true);
  await clock.advance(1_000);
  expect(reserve.isClosed).toBe(false);
});
