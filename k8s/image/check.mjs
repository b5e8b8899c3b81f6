#!/usr/bin/env node
/**
 * `npm run image:check`: whether the container image would work, without a container engine. Stages what the Dockerfile
 * stages, looks for what is missing or too much, runs it as another user from a tree that cannot be written to, and
 * reports its size by part. `--stage FOLDER` checks a folder staged before, `--uws NAME` asks for that web server
 * underneath, and `--trixie` does it on the system and the Node of the image (see `trixie.mjs`); with test files behind it
 * these alone are run there, `--root FOLDER` keeps the system for the next time, and `--brief` leaves out slow tests whose
 * subject is no socket of a device.
 * Exit codes: 0 all well, 1 a fault, 2 bad usage, 3 the system of `--trixie` cannot be had on this machine.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { drive, HOW_STARTED } from './drive.mjs';
import { bytesOf, faultsOf, sizes } from './inspect.mjs';
import { pruneBinaries } from './prune-binaries.mjs';
import { removeSealed, seal, stageFiles } from './stage.mjs';
import { checkOnTrixie, NotHereError } from './trixie.mjs';

const SHOWN_PARTS = 8;
const NOT_HERE = 3;

try {
  const { stage, uws, trixie, root, brief, tests } = readArguments();
  if (trixie) checkOnTrixie({ root, tests, isBrief: brief });
  else if (stage !== undefined) await checkStage(resolve(stage), uws);
  else await checkFreshStage(uws);
} catch (error) {
  process.stderr.write(`image:check: ${/** @type {Error} */ (error).message}\n`);
  process.exitCode = error instanceof NotHereError ? NOT_HERE : 1;
}

function readArguments() {
  const options = /** @type {const} */ ({
    stage: { type: 'string' },
    uws: { type: 'string' },
    trixie: { type: 'boolean' },
    root: { type: 'string' },
    brief: { type: 'boolean' },
  });
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const isForTrixie = values.root !== undefined || values.brief === true || positionals.length > 0;
    if (isForTrixie && !values.trixie) throw new Error('--root, --brief and test files go with --trixie');
    return { ...values, tests: positionals };
  } catch (error) {
    process.stderr.write(`${/** @type {Error} */ (error).message}\n`);
    process.exit(2);
  }
}

/** @param {string | undefined} wantedUws */
async function checkFreshStage(wantedUws) {
  const parent = mkdtempSync(join(tmpdir(), 'stateway-image-'));
  // Another user is to run what is inside.
  chmodSync(parent, 0o755);
  const folder = join(parent, 'app');
  try {
    stageFiles(folder);
    say(`left out: ${pruneBinaries(folder).length} binaries of other platforms and Node versions`);
    seal(folder);
    await checkStage(folder, wantedUws);
  } finally {
    removeSealed(folder);
    rmSync(parent, { recursive: true, force: true });
  }
}

/**
 * @param {string} folder
 * @param {string | undefined} wantedUws
 */
async function checkStage(folder, wantedUws) {
  const faults = faultsOf(folder);
  if (faults.length > 0) throw new Error(faults.join('\n'));
  say('inside: production packages alone, binaries of this platform alone, everything that is imported');
  const bytes = bytesOf(folder);
  const { uws, rssBytes } = await drive(folder);
  if (bytesOf(folder) !== bytes) throw new Error('something was written outside of the data directory');
  if (wantedUws !== undefined && !uws.startsWith(wantedUws)) throw new Error(`it runs on ${uws}, not on ${wantedUws}`);
  say(
    `running: log-in, states, delivery, admin side, healthcheck and SIGTERM, with Node ${process.version} and ${uws}`,
  );
  say(`started: ${HOW_STARTED}; ${megabytes(rssBytes)} resident after a few states`);
  reportSizes(folder, bytes);
}

/**
 * @param {string} folder
 * @param {number} total
 */
function reportSizes(folder, total) {
  const parts = sizes(folder);
  const shown = parts.slice(0, SHOWN_PARTS);
  const rest = total - shown.reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = [
    ...shown,
    { part: `${parts.length - shown.length} more packages`, bytes: rest },
    { part: 'all', bytes: total },
  ];
  for (const { part, bytes } of rows) say(`${megabytes(bytes).padStart(9)}  ${part}`);
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}
