import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const SCRIPT = join(import.meta.dirname, '../../packaging/commit.mjs');
const GIVEN = '0123456789abcdef0123456789abcdef01234567';

function git(root: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...identity, ...args], { cwd: root, encoding: 'utf8' }).trim();
}

/** A project with the script and a source, below `parent`. */
function project(parent = temporaryDirectory()): string {
  const root = join(parent, 'project');
  for (const folder of ['src', 'packaging', 'dist/src']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'src/a.ts'), 'a\n');
  writeFileSync(join(root, '.gitignore'), 'dist\n');
  copyFileSync(SCRIPT, join(root, 'packaging/commit.mjs'));
  return root;
}

/** Makes a checkout of a folder; returns its commit. */
function commitAll(root: string): string {
  git(root, 'init', '--quiet');
  git(root, 'add', '.');
  git(root, 'commit', '--quiet', '--message=a');
  return git(root, 'rev-parse', 'HEAD');
}

/** What the script writes into the build. */
function builtCommit(root: string, env: NodeJS.ProcessEnv = {}): unknown {
  execFileSync(process.execPath, ['packaging/commit.mjs'], { cwd: root, env: { PATH: process.env.PATH, ...env } });
  return JSON.parse(readFileSync(join(root, 'dist/src/commit.json'), 'utf8'));
}

it('is that of the checkout, and is marked where something else is built', () => {
  const root = project();
  const commit = commitAll(root);
  writeFileSync(join(root, 'notes.txt'), 'no part of a build\n');
  expect(builtCommit(root)).toEqual({ commit });
  writeFileSync(join(root, 'src/a.ts'), 'b\n');
  expect(builtCommit(root)).toEqual({ commit: `${commit}+changes` });
});

it('is what who builds without a checkout says, where that can be one', () => {
  const root = project();
  expect(builtCommit(root, { BUILD_COMMIT: GIVEN })).toEqual({ commit: GIVEN });
  expect(builtCommit(root, { BUILD_COMMIT: 'unknown' })).toEqual({ commit: null });
});

it('is not that of a checkout around a copy', () => {
  const around = temporaryDirectory();
  const root = project(around);
  commitAll(around);
  expect(builtCommit(root)).toEqual({ commit: null });
});
