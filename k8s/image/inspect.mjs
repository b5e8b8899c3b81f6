/** What a staged folder holds, against what it should: the lock file, this platform, and what the program imports. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, lstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { abiOf, nativeBinaries } from './prune-binaries.mjs';
import { PROJECT_ROOT } from './stage.mjs';

/** `e_machine` of the ELF header for each of Node's names (System V ABI, "ELF Header"). */
const ELF_MACHINES = /** @type {Record<string, number>} */ ({ arm: 40, x64: 62, arm64: 183 });
const ELF_MAGIC = 0x7f454c46;

/** What a module of the program names: `import 'x'`, `import … from 'x'`, `export … from 'x'` and `import('x')`. */
const IMPORTED = /^(?:import|export)(?: |[\w\s{},*$]+ from )'([^']+)'|\bimport\('([^']+)'\)/gm;

/**
 * Everything that is wrong with a staged folder, a sentence each.
 * @param {string} folder
 * @returns {string[]}
 */
export function faultsOf(folder) {
  const faults = [...packageFaults(folder), ...binaryFaults(folder), ...importFaults(folder)];
  const writable = writableIn(folder);
  if (writable !== undefined) faults.push(`${writable} can be written to`);
  return faults;
}

/** @param {string} folder */
function packageFaults(folder) {
  const lock = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package-lock.json'), 'utf8')).packages;
  const staged = new Set(packagesIn(folder, 'node_modules'));
  const faults = [];
  for (const name of staged) {
    if (lock[name] === undefined) faults.push(`${name} is not in package-lock.json`);
    else if (lock[name].dev) faults.push(`${name} is for development only`);
  }
  for (const [name, { dev, optional, devOptional, peer }] of Object.entries(lock)) {
    const isNeeded = name !== '' && !dev && !optional && !devOptional && !peer;
    if (isNeeded && !staged.has(name)) faults.push(`${name} is missing`);
  }
  return faults;
}

/**
 * Packages below a `node_modules`, named as in a lock file.
 * @param {string} folder
 * @param {string} modules
 * @returns {string[]}
 */
function packagesIn(folder, modules) {
  if (!existsSync(join(folder, modules))) return [];
  const names = readdirSync(join(folder, modules)).filter((name) => !name.startsWith('.'));
  const packages = names.flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(folder, modules, name)).map((part) => `${name}/${part}`) : [name],
  );
  return packages.flatMap((name) => {
    const path = `${modules}/${name}`;
    return [path, ...packagesIn(folder, `${path}/node_modules`)];
  });
}

/** By the files' headers, and not by loading them as the pruning does: a fault of the one shows in the other. */
function binaryFaults(/** @type {string} */ folder) {
  return nativeBinaries(folder).flatMap((file) => {
    const name = relative(folder, file);
    const header = headOf(file);
    if (header.readUInt32BE(0) !== ELF_MAGIC) return [`${name} is not a Linux binary`];
    if (header.readUInt16LE(18) !== ELF_MACHINES[process.arch]) return [`${name} is not for ${process.arch}`];
    if (/\bmusl\b/.test(name)) return [`${name} is for another C library`];
    const abi = abiOf(file);
    return abi === undefined || abi === process.versions.modules
      ? []
      : [`${name} is for Node ABI ${abi}, and this Node has ${process.versions.modules}`];
  });
}

/** @param {string} file */
function headOf(file) {
  const head = Buffer.alloc(20);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, head, 0, head.length, 0);
  closeSync(descriptor);
  return head;
}

/** Each file of the program that another names must be there, and each library must load. */
function importFaults(/** @type {string} */ folder) {
  const faults = [];
  const libraries = new Set();
  const files = readdirSync(join(folder, 'dist'), { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.js')).map((name) => join(folder, 'dist', name))) {
    for (const [, fromStatement, fromCall] of readFileSync(file, 'utf8').matchAll(IMPORTED)) {
      const target = /** @type {string} */ (fromStatement ?? fromCall);
      // The page's module for charts comes from its package, by way of the admin side.
      if (target === './uplot.js') libraries.add('uplot/dist/uPlot.esm.js');
      // A path of the admin side: the module is one for the browser.
      if (target.startsWith('/') || target === './uplot.js') continue;
      if (!target.startsWith('.')) libraries.add(target);
      else if (!existsSync(join(dirname(file), target))) {
        faults.push(
          `${relative(folder, join(dirname(file), target))} is missing, which ${relative(folder, file)} imports`,
        );
      }
    }
  }
  for (const library of libraries) {
    const load = `await import(${JSON.stringify(library)})`;
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', load], {
      cwd: folder,
      stdio: 'ignore',
    });
    if (status !== 0) faults.push(`the library ${library} does not load`);
  }
  return faults;
}

/**
 * The first path that has a write bit.
 * @param {string} path
 * @returns {string | undefined}
 */
function writableIn(path) {
  const status = lstatSync(path);
  if (status.isSymbolicLink()) return undefined;
  if ((status.mode & 0o222) !== 0) return path;
  if (!status.isDirectory()) return undefined;
  for (const name of readdirSync(path)) {
    const found = writableIn(join(path, name));
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Bytes of the program, of each package and of all.
 * @param {string} folder
 * @returns {{ part: string, bytes: number }[]} largest first
 */
export function sizes(folder) {
  const parts = packagesIn(folder, 'node_modules').filter((name) => name.lastIndexOf('node_modules') === 0);
  const bytes = [...parts, 'dist'].map((part) => ({ part, bytes: bytesOf(join(folder, part)) }));
  return bytes.sort((a, b) => b.bytes - a.bytes);
}

/**
 * @param {string} path
 * @returns {number}
 */
export function bytesOf(path) {
  const status = lstatSync(path);
  if (!status.isDirectory()) return status.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}
