import { constants, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import {
  closeSegmentFile,
  makeSegmentFile,
  openSegmentFile,
  readSegmentFile,
  UNFINISHED,
} from '../../../src/spool/segments/segment-file.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';

const NAME = '000001.seg';
/** More than is written at a time. */
const BYTES = 2 * 1024 * 1024 + 4096;

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

/** The flags that the kernel has for a descriptor. */
function flagsOf(descriptor: number): number {
  const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
  return Number.parseInt(flags as string, 8);
}

it('makes a file of zeros that takes up its room on disk, for its user alone', async () => {
  const descriptor = await makeSegmentFile(directory, NAME, BYTES);
  onTestFinished(() => closeSegmentFile(descriptor));
  const { size, blocks, mode } = statSync(join(directory, NAME));
  expect([size, mode & 0o777]).toEqual([BYTES, 0o600]);
  expect(blocks * 512).toBeGreaterThanOrEqual(BYTES);
  expect(readFileSync(join(directory, NAME)).every((byte) => byte === 0)).toBe(true);
  expect(readdirSync(directory)).toEqual([NAME]);
});

it.runIf(process.platform === 'linux')('has each write synced, in a new file as in one that is there', async () => {
  const made = await makeSegmentFile(directory, NAME, BYTES);
  const opened = await openSegmentFile(directory, NAME);
  onTestFinished(() => closeSegmentFile(made));
  onTestFinished(() => closeSegmentFile(opened));
  for (const descriptor of [made, opened]) expect(flagsOf(descriptor) & constants.O_DSYNC).toBe(constants.O_DSYNC);
});

it('leaves nothing behind when it fails, and takes what an earlier attempt has left', async () => {
  mkdirSync(join(directory, NAME));
  writeFileSync(join(directory, NAME, 'in the way'), '');
  await expect(makeSegmentFile(directory, NAME, BYTES)).rejects.toThrow();
  expect(readdirSync(directory)).toEqual([NAME]);
  writeFileSync(join(directory, `000002.seg${UNFINISHED}`), 'half of it');
  await closeSegmentFile(await makeSegmentFile(directory, '000002.seg', BYTES));
  expect(statSync(join(directory, '000002.seg')).size).toBe(BYTES);
});

it('reads a file in whole pages, with zeros where it ends', () => {
  writeFileSync(join(directory, NAME), Buffer.alloc(5_000, 1));
  const { bytes, fileBytes } = readSegmentFile(directory, NAME);
  expect([bytes.byteLength, fileBytes]).toEqual([8_192, 5_000]);
  expect([bytes[4_999], bytes[5_000]]).toEqual([1, 0]);
});
