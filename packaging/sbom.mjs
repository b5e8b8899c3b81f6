#!/usr/bin/env node
/**
 * `node packaging/sbom.mjs` prints what ships, in CycloneDX: the production packages of the lock file, as npm lists them, and, with
 * `--node VERSION`, the Node.js that is built in.
 * Exit codes: 0 done, 1 failed, 2 bad usage.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { shrinkwrapOf } from './shrinkwrap.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Asked of a folder that knows of production packages alone: where development needs a package too, `npm sbom --omit=dev` leaves it
 * out (npm 11.19, with all that is below it).
 * @param {string} [node] version of the Node that is built in
 * @returns {string} the document, ending with a newline
 */
export function sbom(node) {
  const { devDependencies: _, scripts: __, ...manifest } = readJson('package.json');
  const folder = mkdtempSync(join(tmpdir(), 'stateway-sbom-'));
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(shrinkwrapOf(readJson('package-lock.json'))));
    return `${JSON.stringify(complete(listed(folder), manifest.name, node), undefined, 2)}\n`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} folder */
function listed(folder) {
  const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'];
  const { status, stdout, stderr, error } = spawnSync('npm', args, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`npm sbom failed: ${error?.message ?? stderr.trim()}`);
  return JSON.parse(stdout);
}

/**
 * @param {any} document
 * @param {string} name npm has named it by its folder
 * @param {string} [node]
 */
function complete(document, name, node) {
  document.metadata.component.name = name;
  if (node !== undefined) {
    document.components.push({
      'bom-ref': `node@${node}`,
      type: 'platform',
      name: 'node',
      version: node,
      scope: 'required',
      cpe: `cpe:2.3:a:nodejs:node.js:${node}:*:*:*:*:*:*:*`,
      purl: `pkg:generic/node@${node}`,
      licenses: [{ license: { id: 'MIT' } }],
    });
  }
  return document;
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
}

function main() {
  let node;
  try {
    ({ node } = parseArgs({ options: { node: { type: 'string' } } }).values);
  } catch (error) {
    process.stderr.write(`${/** @type {Error} */ (error).message}\n`);
    return 2;
  }
  try {
    process.stdout.write(sbom(node));
    return 0;
  } catch (error) {
    process.stderr.write(`sbom: ${/** @type {Error} */ (error).message}\n`);
    return 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
