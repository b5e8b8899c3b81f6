/** The Node that goes into the package, and what it can load. */
import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { abiOf, nativeBinaries } from '../../k8s/image/prune-binaries.mjs';
import { PROJECT_ROOT } from '../../k8s/image/stage.mjs';

/** For Node's names of processors: Debian's, and `e_machine` of the ELF header (System V ABI, "ELF Header"). */
export const ARCHITECTURES = /** @type {Record<string, { debian: string, elf: number }>} */ ({
  x64: { debian: 'amd64', elf: 62 },
  arm64: { debian: 'arm64', elf: 183 },
});
const ELF_MAGIC = 0x7f454c46;

/**
 * Puts the newest of the image's line of Node into a folder, from the npm package that holds its binary. npm checks what it
 * fetches by the registry's own hash.
 * @param {string} architecture as Node names it
 * @param {{ node: string, licence: string, scratch: string }} paths where the binary and its licence go; a folder for the while
 * @returns {{ version: string, abi: string }}
 */
export function fetchNode(architecture, { node, licence, scratch }) {
  const [, major] = /^FROM node:(\d+)-/m.exec(readFileSync(join(PROJECT_ROOT, 'Dockerfile'), 'utf8')) ?? [];
  const name = `node-linux-${architecture}`;
  const args = ['install', '--no-save', '--force', '--ignore-scripts', '--prefer-offline', '--loglevel=error'];
  const install = spawnSync('npm', [...args, '--prefix', scratch, `${name}@${major}`], {
    cwd: scratch,
    encoding: 'utf8',
  });
  if (install.status !== 0)
    throw new Error(`Node ${major} cannot be had: ${install.error?.message ?? install.stderr.trim()}`);
  const packed = join(scratch, 'node_modules', name);
  copyFileSync(join(packed, 'bin/node'), node);
  copyFileSync(join(packed, 'LICENSE'), licence);
  const header = readFileSync(join(packed, 'include/node/node_version.h'), 'utf8');
  const [, abi] = /#define NODE_MODULE_VERSION (\d+)/.exec(header) ?? [];
  const { version } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8'));
  rmSync(join(scratch, 'node_modules'), { recursive: true });
  if (abi === undefined) throw new Error(`${name} does not say which binaries it can load`);
  return { version, abi };
}

/**
 * Removes the native binaries that are for another processor, C library or Node. By their heads and names, since this
 * machine may be unable to load what the other one can.
 * @param {string} folder
 * @param {string} architecture
 * @param {string} abi
 * @returns {number} how many
 */
export function pruneForNode(folder, architecture, abi) {
  const unusable = nativeBinaries(folder).filter((file) => {
    if (elfMachineOf(file) !== ARCHITECTURES[architecture]?.elf || /\bmusl\b/.test(basename(file))) return true;
    return (abiOf(file) ?? abi) !== abi;
  });
  for (const file of unusable) rmSync(file);
  return unusable.length;
}

/** @param {string} file */
function elfMachineOf(file) {
  const head = Buffer.alloc(20);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, head, 0, head.length, 0);
  closeSync(descriptor);
  return head.readUInt32BE(0) === ELF_MAGIC ? head.readUInt16LE(18) : undefined;
}
