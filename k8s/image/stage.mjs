#!/usr/bin/env node
/**
 * `node k8s/image/stage.mjs FOLDER` puts into FOLDER what the container image holds under `/app`, and nothing else: the
 * built program (run `npm run build` before), its dependencies without those for development and without binaries of
 * other platforms, and `bin/stateway`. Nothing in it can be written to. The Dockerfile and `npm run image:check` both
 * call this file, so that what is checked is what is shipped.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pruneBinaries } from './prune-binaries.mjs';

export const PROJECT_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What npm needs to install, and the program does not need to run. */
const FOR_NPM_ONLY = ['package-lock.json', '.npmrc'];
/** Of what `npm run build` makes; the benches stay behind. */
const BUILT = ['src', 'workers'];
const SHIPPED_AS_THEY_ARE = ['package.json', 'LICENSE'];

/**
 * Program and production dependencies, binaries of every platform still among them.
 * @param {string} folder it is made; must not exist or be empty
 * @param {readonly string[]} machine options of npm that name another machine than this one
 * @throws Error when the program is not built, or npm fails
 */
export function stageFiles(folder, machine = []) {
  mkdirSync(folder, { recursive: true });
  for (const file of [...SHIPPED_AS_THEY_ARE, ...FOR_NPM_ONLY])
    copyFileSync(join(PROJECT_ROOT, file), join(folder, file));
  for (const built of BUILT) {
    cpSync(join(PROJECT_ROOT, 'dist', built), join(folder, 'dist', built), {
      recursive: true,
      filter: (source) => !source.endsWith('.map'),
    });
  }
  // No install scripts: every native part comes prebuilt, and a compiler is not to be needed.
  const install = ['ci', '--omit=dev', '--ignore-scripts', '--no-bin-links', '--prefer-offline', '--loglevel=error'];
  const { status, error } = spawnSync('npm', [...install, ...machine], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`npm ci failed: ${error?.message ?? `exit code ${status}`}`);
  for (const file of FOR_NPM_ONLY) rmSync(join(folder, file));
  mkdirSync(join(folder, 'bin'));
  symlinkSync('../dist/src/main.js', join(folder, 'bin', 'stateway'));
}

/**
 * Makes a tree readable to everybody and writable to nobody.
 * @param {string} path
 */
export function seal(path) {
  if (statSync(path).isDirectory()) {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (!entry.isSymbolicLink()) seal(join(path, entry.name));
    }
    chmodSync(path, 0o555);
  } else {
    chmodSync(path, path.endsWith('/dist/src/main.js') ? 0o555 : 0o444);
  }
}

/**
 * Removes a tree that was sealed.
 * @param {string} folder
 */
export function removeSealed(folder) {
  makeFoldersWritable(folder);
  rmSync(folder, { recursive: true, force: true });
}

/** @param {string} folder */
function makeFoldersWritable(folder) {
  if (!existsSync(folder)) return;
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) makeFoldersWritable(join(folder, entry.name));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, ...more] = process.argv.slice(2);
  if (folder === undefined || more.length > 0) {
    process.stderr.write('usage: node k8s/image/stage.mjs FOLDER\n');
    process.exit(2);
  }
  stageFiles(resolve(folder));
  const removed = pruneBinaries(resolve(folder));
  seal(resolve(folder));
  process.stdout.write(`staged in ${folder}; ${removed.length} binaries of other platforms left out\n`);
}
