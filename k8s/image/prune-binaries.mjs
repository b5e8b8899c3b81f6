#!/usr/bin/env node
/**
 * `node k8s/image/prune-binaries.mjs FOLDER` removes from FOLDER the native binaries that the Node which runs this cannot
 * use. The packages of uWebSockets.js bring one for every platform and Node version, some 230 MB of them.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The Node ABI in a file name, as in `uws_linux_x64_137.node` and `node.abi137.glibc.node`; N-API needs none. */
const ABI_IN_NAME = /(?:_|\.abi)(\d+)(?:\.\w+)?\.node$/;

/**
 * Paths of every `.node` file below a folder.
 * @param {string} folder
 * @returns {string[]}
 */
export function nativeBinaries(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.node'))
    .map((path) => join(folder, path));
}

/**
 * The ABI that a binary is named for; undefined for one that does not depend on it.
 * @param {string} file
 * @returns {string | undefined}
 */
export function abiOf(file) {
  return ABI_IN_NAME.exec(basename(file))?.[1];
}

/**
 * Removes what is named for another ABI or does not load, each tried in a process of its own.
 * @param {string} folder
 * @returns {string[]} what was removed
 */
export function pruneBinaries(folder) {
  const unusable = nativeBinaries(folder).filter((file) => !isUsable(file));
  for (const file of unusable) rmSync(file);
  return unusable;
}

/** @param {string} file */
function isUsable(file) {
  // Loading alone does not tell: some addons load under any ABI, and fail when they are used.
  if ((abiOf(file) ?? process.versions.modules) !== process.versions.modules) return false;
  const load = 'process.dlopen({ exports: {} }, process.argv[1])';
  return spawnSync(process.execPath, ['-e', load, file], { stdio: 'ignore' }).status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, ...more] = process.argv.slice(2);
  if (folder === undefined || more.length > 0) {
    process.stderr.write('usage: node k8s/image/prune-binaries.mjs FOLDER\n');
    process.exit(2);
  }
  for (const file of pruneBinaries(resolve(folder))) process.stdout.write(`removed ${file}\n`);
}
