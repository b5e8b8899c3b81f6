#!/usr/bin/env node
/**
 * `node packaging/deb/build.mjs --output FOLDER` builds the Debian package of the built program (`npm run build` before): what the
 * container image holds under `/app`, its Node, the unit, the configuration, and what they need. `--arch x64|arm64` is for
 * another processor than this one; `--version V` names another version, and may be given twice for two packages of the same
 * files; `--quick` packs loosely, for a test.
 * Exit codes: 0 done, 1 failed, 2 bad usage.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { PROJECT_ROOT, stageFiles } from '../../k8s/image/stage.mjs';
import { ARCHITECTURES, fetchNode, pruneForNode } from './bundled-node.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const PROGRAM = 'usr/lib/stateway';
const DOCUMENTS = 'usr/share/doc/stateway';
/** Of zstd; beyond, half a minute saves a megabyte. */
const LEVEL = 12;
const QUICK_LEVEL = 1;

/** The newer uWebSockets.js needs it (`docs/architecture.md`, "The web server underneath"), and no other has binaries for this Node. */
const LEAST_GLIBC = '2.38';

/**
 * @param {{ output: string, architecture?: string, versions?: string[], isQuick?: boolean }} options
 * @returns {{ files: string[], node: string }} the paths of the packages, one for each version, and the version of Node in them
 * @throws Error when something that is needed cannot be had, or a step failed
 */
export function buildDeb({ output, architecture = process.arch, versions, isQuick = false }) {
  const debian = ARCHITECTURES[architecture]?.debian;
  if (debian === undefined) throw new Error(`there is no package for ${architecture}`);
  if (spawnSync('dpkg-deb', ['--version']).status !== 0) throw new Error('dpkg-deb is missing (apt-get install dpkg)');
  const manifest = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8'));
  const scratch = mkdtempSync(join(tmpdir(), 'stateway-deb-'));
  try {
    const root = join(scratch, 'root');
    const node = stageRoot(root, scratch, architecture);
    mkdirSync(output, { recursive: true });
    const files = (versions ?? [manifest.version]).map((version) => {
      writeControl(root, { version, debian, node: node.version, description: manifest.description });
      const file = join(output, `stateway_${version}_${debian}.deb`);
      run('dpkg-deb', ['--build', '--root-owner-group', '-Zzstd', `-z${isQuick ? QUICK_LEVEL : LEVEL}`, root, file]);
      return file;
    });
    return { files, node: node.version };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Everything that the package puts into a system, below a folder.
 * @param {string} root
 * @param {string} scratch
 * @param {string} architecture
 */
function stageRoot(root, scratch, architecture) {
  cpSync(join(HERE, 'root'), root, { recursive: true });
  const program = join(root, PROGRAM);
  stageFiles(program, ['--os=linux', `--cpu=${architecture}`, '--libc=glibc']);
  rmSync(join(program, 'bin/stateway'));
  const documents = join(root, DOCUMENTS);
  const node = fetchNode(architecture, {
    node: join(program, 'bin/node'),
    licence: join(documents, 'LICENSE.node'),
    scratch,
  });
  pruneForNode(program, architecture, node.abi);
  for (const file of [
    'README.md',
    'docs/licences.md',
    'docs/upgrading.md',
    'packaging/prometheus/stateway.rules.yaml',
  ]) {
    cpSync(join(PROJECT_ROOT, file), join(documents, file.slice(file.lastIndexOf('/') + 1)));
  }
  writeFileSync(
    join(documents, 'changelog.gz'),
    gzipSync(readFileSync(join(PROJECT_ROOT, 'CHANGELOG.md')), { level: 9 }),
  );
  writeFileSync(join(documents, 'copyright'), copyright());
  setModes(root);
  return node;
}

/** The licences that what is built in asks to be passed on; each package's own text is in its folder. */
function copyright() {
  return `Stateway

${readFileSync(join(PROJECT_ROOT, 'LICENSE'), 'utf8').trim()}

What it is built of is listed in licences.md, beside this file. The texts are in the folders of the packages under
/${PROGRAM}/node_modules; that of Node.js is LICENSE.node, beside this file. Packages under the Apache License 2.0, among
them @btc-vision/uwebsockets.js: /usr/share/common-licenses/Apache-2.0. weak-lru-cache is under the MIT licence, whose
terms are those above.
`;
}

/**
 * Readable to everybody, writable to root alone; programs stay programs.
 * @param {string} path
 */
function setModes(path) {
  const status = statSync(path);
  if (status.isDirectory()) {
    chmodSync(path, 0o755);
    for (const name of readdirSync(path)) setModes(join(path, name));
  } else {
    chmodSync(path, (status.mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

/**
 * @param {string} root
 * @param {{ version: string, debian: string, node: string, description: string }} facts
 */
function writeControl(root, { version, debian, node, description }) {
  const folder = join(root, 'DEBIAN');
  rmSync(folder, { recursive: true, force: true });
  const kilobytes = Math.ceil(bytesOf(root) / 1024);
  cpSync(join(HERE, 'control'), folder, { recursive: true });
  setModes(folder);
  const control = `Package: stateway
Version: ${version}
Architecture: ${debian}
Maintainer: The Stateway project <stateway@localhost>
Installed-Size: ${kilobytes}
Section: net
Priority: optional
Depends: libc6 (>= ${LEAST_GLIBC}), libstdc++6, libgcc-s1, coreutils (>= 8.30), util-linux, passwd, init-system-helpers
Recommends: systemd (>= 250)
Description: device state ingestion proxy for the Losant IoT platform
 ${description}
 .
 Node.js ${node} is part of the package.
`;
  writeFileSync(join(folder, 'control'), control);
}

/**
 * @param {string} path
 * @returns {number}
 */
function bytesOf(path) {
  const status = statSync(path);
  if (!status.isDirectory()) return status.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr.trim()}`);
}

function main() {
  const options = /** @type {const} */ ({
    output: { type: 'string' },
    arch: { type: 'string' },
    version: { type: 'string', multiple: true },
    quick: { type: 'boolean' },
  });
  let values;
  try {
    ({ values } = parseArgs({ options }));
    if (values.output === undefined) throw new Error('--output FOLDER is missing');
  } catch (error) {
    process.stderr.write(`${/** @type {Error} */ (error).message}\n`);
    return 2;
  }
  const { output, arch, version, quick } = values;
  try {
    const { files } = buildDeb({
      output: resolve(output),
      ...(arch === undefined ? {} : { architecture: arch }),
      ...(version === undefined ? {} : { versions: version }),
      isQuick: quick === true,
    });
    for (const file of files) process.stdout.write(`${file}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`deb: ${/** @type {Error} */ (error).message}\n`);
    return 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
