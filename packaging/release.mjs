#!/usr/bin/env node
/**
 * `npm run release` builds everything that a release has into `release/`: the npm package, the Debian packages, the Helm chart where there is
 * one, the SBOM, and the checksums of them all. It builds the commit that is checked out, in a folder of its own: no change that is not
 * committed gets in, and nothing that runs from this checkout is touched. `--quick` packs loosely and for this processor alone.
 * Exit codes: 0 done, 1 failed, 2 bad usage.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CHART = 'k8s/chart';
const SUMS = 'SHA256SUMS';

/** @param {boolean} isQuick */
async function release(isQuick) {
  const output = join(ROOT, 'release');
  const scratch = mkdtempSync(join(tmpdir(), 'stateway-release-'));
  const tree = join(scratch, 'tree');
  try {
    checkOut(scratch, tree);
    // That tree is no checkout, which would tell (packaging/commit.mjs).
    process.env.BUILD_COMMIT = run(ROOT, 'git', 'rev-parse', 'HEAD').trim();
    rmSync(output, { recursive: true, force: true });
    mkdirSync(output);
    run(tree, 'npm', 'run', '--silent', 'build');
    run(tree, 'npm', 'pack', '--silent', '--pack-destination', output);
    // Of that tree, whose files they read.
    const { buildDeb } = await import(pathToFileURL(join(tree, 'packaging/deb/build.mjs')).href);
    const architectures = isQuick ? [process.arch] : ['x64', 'arm64'];
    const [built] = architectures.map((architecture) => buildDeb({ output, architecture, isQuick }));
    packChart(tree, output);
    const { sbom } = await import(pathToFileURL(join(tree, 'packaging/sbom.mjs')).href);
    writeFileSync(join(output, `stateway-${versionOf(tree)}.cdx.json`), sbom(built.node));
    writeSums(output);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * The commit, with the packages of this checkout.
 * @param {string} scratch
 * @param {string} tree
 */
function checkOut(scratch, tree) {
  const archive = join(scratch, 'commit.tar');
  run(ROOT, 'git', 'archive', `--output=${archive}`, 'HEAD');
  mkdirSync(tree);
  run(tree, 'tar', '-xf', archive);
  symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(tree, 'node_modules'));
}

/**
 * In the form of `helm package`: a folder with the name of the chart.
 * @param {string} tree
 * @param {string} output
 */
function packChart(tree, output) {
  if (!existsSync(join(tree, CHART))) return;
  const file = join(output, `stateway-chart-${versionOf(tree)}.tgz`);
  run(tree, 'tar', '-czf', file, '--owner=0', '--group=0', '--transform=s,^\\.,stateway,', '-C', CHART, '.');
}

/**
 * In the form that `sha256sum -c` reads.
 * @param {string} output
 */
function writeSums(output) {
  const lines = readdirSync(output)
    .sort()
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(output, name)))
          .digest('hex')}  ${name}\n`,
    );
  writeFileSync(join(output, SUMS), lines.join(''));
  process.stdout.write(lines.join(''));
}

/** @param {string} tree */
function versionOf(tree) {
  return JSON.parse(readFileSync(join(tree, 'package.json'), 'utf8')).version;
}

/**
 * @param {string} folder
 * @param {string} command
 * @param {string[]} args
 * @returns {string} what it prints
 */
function run(folder, command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`"${command} ${args.join(' ')}" failed: ${error?.message ?? `${stdout}${stderr}`.trim()}`);
}

async function main() {
  let isQuick;
  try {
    isQuick = parseArgs({ options: { quick: { type: 'boolean' } } }).values.quick === true;
  } catch (error) {
    process.stderr.write(`${/** @type {Error} */ (error).message}\n`);
    return 2;
  }
  try {
    await release(isQuick);
    return 0;
  } catch (error) {
    process.stderr.write(`release: ${/** @type {Error} */ (error).message}\n`);
    return 1;
  }
}

process.exitCode = await main();
