import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeDirectory } from '../../../src/core/machine/make-directory.js';

function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'stateway-make-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('makes what is missing above it as well, for its own user alone, and says whether it made it', () => {
  const directory = freshDirectory();
  const inner = join(directory, 'a', 'b', 'c');
  expect([makeDirectory(inner), makeDirectory(inner), makeDirectory(directory)]).toEqual([true, false, false]);
  expect(['a', 'a/b', 'a/b/c'].map((name) => statSync(join(directory, name)).mode & 0o777)).toEqual([
    0o700, 0o700, 0o700,
  ]);
});

test('takes a link to a directory for one', () => {
  const directory = freshDirectory();
  mkdirSync(join(directory, 'real'));
  symlinkSync('real', join(directory, 'link'));
  expect(makeDirectory(join(directory, 'link'))).toBe(false);
});

test('throws what the file system says, where it does not let one be made', () => {
  const directory = freshDirectory();
  writeFileSync(join(directory, 'file'), '');
  symlinkSync('nowhere', join(directory, 'dangling'));
  const codeOf = (path: string): unknown => {
    try {
      return makeDirectory(path);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  };
  expect([codeOf(join(directory, 'file')), codeOf(join(directory, 'file', 'a'))]).toEqual(['EEXIST', 'ENOTDIR']);
  expect(codeOf(join(directory, 'dangling'))).toBe('EEXIST');
  // A directory that is there, and in which the kernel says of every new one that it is not.
  expect(codeOf('/proc/stateway')).toBe('ENOENT');
  expect(codeOf('/proc/stateway/a')).toBe('ENOENT');
});
