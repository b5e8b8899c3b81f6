#!/usr/bin/env node
/**
 * `node packaging/shrinkwrap.mjs` readies the checkout for `npm pack`, which calls it: it writes `npm-shrinkwrap.json`, with
 * the exact production dependencies of `package-lock.json`, so that whoever installs the package has what was tested, and
 * takes out of `dist` what no source makes any more. `--remove` takes the file away again, since in a checkout npm would
 * take it for the lock file.
 * Exit codes: 0 done, 1 failed, 2 bad usage.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourcesOf } from './build-state.mjs';
import { COMMIT_FILE } from './commit.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SHRINKWRAP = join(ROOT, 'npm-shrinkwrap.json');

/**
 * The lock file without what is for development. It names no registry (`.npmrc`), so that each machine asks its own.
 * @param {{ name: string, version: string, lockfileVersion: number, packages: Record<string, Record<string, unknown>> }} lock
 */
export function shrinkwrapOf(lock) {
  const { '': root, ...installed } = lock.packages;
  const { devDependencies: _, ...ownEntry } = root ?? {};
  const needed = Object.entries(installed).filter(([, { dev }]) => dev !== true);
  for (const [path, { resolved }] of needed) {
    if (resolved !== undefined) throw new Error(`${path} names a registry in package-lock.json: ${resolved}`);
  }
  const { name, version, lockfileVersion } = lock;
  return { name, version, lockfileVersion, requires: true, packages: { '': ownEntry, ...Object.fromEntries(needed) } };
}

/** @returns {string[]} what was removed, relative to the root */
function removeLeftOvers() {
  const made = new Set([...sourcesOf(ROOT).map(([, output]) => output), COMMIT_FILE]);
  const leftOver = ['src', 'workers'].flatMap((folder) =>
    readdirSync(join(ROOT, 'dist', folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.map'))
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
      .filter((path) => !made.has(path)),
  );
  for (const path of leftOver) rmSync(join(ROOT, path));
  return leftOver;
}

function main() {
  const [option, ...more] = process.argv.slice(2);
  if ((option !== undefined && option !== '--remove') || more.length > 0) {
    process.stderr.write('usage: node packaging/shrinkwrap.mjs [--remove]\n');
    return 2;
  }
  if (option === '--remove') {
    rmSync(SHRINKWRAP, { force: true });
    return 0;
  }
  for (const path of removeLeftOvers()) process.stderr.write(`removed ${path}, which no source makes\n`);
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  writeFileSync(SHRINKWRAP, `${JSON.stringify(shrinkwrapOf(lock), undefined, 2)}\n`);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
