import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { DiskProbe, PROBE_FILE_NAME } from '../../../src/spool/disk/disk-probe.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';

let directory: string;
let probe: DiskProbe;

beforeEach(() => {
  directory = join(temporaryDirectory(), 'data');
  mkdirSync(directory);
  writeFileSync(join(directory, 'kept'), 'a');
  writeFileSync(join(directory, 'beside'), 'a');
  probe = new DiskProbe(directory);
  onTestFinished(() => probe.close());
  const { dev: device, ino: inode } = statSync(join(directory, 'kept'));
  probe.answerFor(() => ({ name: 'kept', device, inode }));
  probe.watch('beside');
});

it('writes, syncs and finds all in place; its file is small, and for its owner alone', async () => {
  probe.touch();
  probe.look();
  await probe.prove();
  const { size, mode } = statSync(join(directory, PROBE_FILE_NAME));
  expect(size).toBe(4096);
  expect(mode & 0o777).toBe(0o600);
});

it.each([
  ['the file is deleted', () => rmSync(join(directory, 'kept')), /^kept is gone/],
  [
    'another file takes its name',
    () => {
      writeFileSync(join(directory, 'other'), 'a');
      renameSync(join(directory, 'other'), join(directory, 'kept'));
    },
    /^another kept is in the data directory/,
  ],
  ['the directory is deleted', () => rmSync(directory, { recursive: true }), /^kept is gone/],
  ['the directory is moved away', () => renameSync(directory, `${directory}-away`), /^kept is gone/],
])('notices that %s', async (_what, act, message) => {
  act();
  expect(() => probe.assertInPlace()).toThrow(message);
  expect(() => probe.look()).toThrow(message);
  await expect(probe.prove()).rejects.toThrow(message);
});

it('looks after the other files as well, though not at each commit', async () => {
  rmSync(join(directory, 'beside'));
  probe.assertInPlace();
  expect(() => probe.look()).toThrow(/^beside is gone/);
  await expect(probe.prove()).rejects.toThrow(/^beside is gone/);
});

it('looks for the file that is answered for at the moment', () => {
  rmSync(join(directory, 'kept'));
  probe.answerFor(() => undefined);
  probe.assertInPlace();
  probe.look();
});

it('is content when the directory is back', async () => {
  renameSync(directory, `${directory}-away`);
  expect(() => probe.assertInPlace()).toThrow();
  renameSync(`${directory}-away`, directory);
  probe.look();
  await probe.prove();
});

it('proves itself though its own file was deleted', async () => {
  rmSync(join(directory, PROBE_FILE_NAME));
  probe.touch();
  await probe.prove();
  expect(existsSync(join(directory, PROBE_FILE_NAME))).toBe(true);
});
