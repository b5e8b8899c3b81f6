#!/usr/bin/env node
/**
 * `node packaging/commit.mjs` writes into the build which commit it was made of, for `stateway version`. `npm run build` calls
 * it. The commit is that of the checkout, with `+changes` behind it where what is built is not what was committed. Where
 * there is no checkout, as in a container's build and in `npm run release`, it is given in `BUILD_COMMIT`; else the
 * build says that it is not known.
 */
import { spawnSync } from 'node:child_process';
import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Below the root; `src/app/package-info.ts` reads it. */
export const COMMIT_FILE = 'dist/src/commit.json';
/** What a build is made of, as far as it is committed. */
const BUILT = ['src', 'workers', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

/**
 * The commit that a build of `root` is made of; undefined where that is not known.
 * @param {string} root
 * @param {string | undefined} given who builds without a checkout says it
 * @returns {string | undefined}
 */
export function commitOf(root, given) {
  if (given !== undefined && /^[0-9a-f]{7,64}$/.test(given)) return given;
  // A copy of the project that lies in another checkout is no part of it.
  const top = git(root, 'rev-parse', '--show-toplevel');
  if (top === undefined || realpathSync(top) !== realpathSync(root)) return undefined;
  const commit = git(root, 'rev-parse', 'HEAD');
  if (commit === undefined) return undefined;
  return git(root, 'status', '--porcelain', '--', ...BUILT) === '' ? commit : `${commit}+changes`;
}

/**
 * @param {string} root
 * @param {string[]} args
 * @returns {string | undefined} what it prints; undefined where there is no git, or nothing that it knows
 */
function git(root, ...args) {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const commit = commitOf(ROOT, process.env.BUILD_COMMIT) ?? null;
  writeFileSync(join(ROOT, COMMIT_FILE), `${JSON.stringify({ commit })}\n`);
}
