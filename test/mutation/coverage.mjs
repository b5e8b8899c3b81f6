#!/usr/bin/env node
/**
 * `npm run coverage` runs the unit tests and prints which part of each folder of `src` they reach, as a table; the report to look
 * at is in `coverage/units`. What runs in a process of its own, `dist` of the process tests and the worker threads, is not counted.
 * Exit codes: those of Vitest.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './install.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = 'coverage/units';
/** By its path: Vitest looks for a provider that is only named beside itself. */
const PROVIDER = join(install(), '@vitest/coverage-v8/dist/index.js');
const KINDS = /** @type {const} */ (['lines', 'branches', 'functions']);

/** @typedef {Record<typeof KINDS[number], { covered: number, total: number }>} Reach */

/** @param {[string, Reach][]} rows */
function table(rows) {
  const share = ({ covered, total }) => (total === 0 ? 'none' : `${((100 * covered) / total).toFixed(1)} %`);
  const cells = rows.map(([name, reach]) => `| ${name} | ${KINDS.map((kind) => share(reach[kind])).join(' | ')} |`);
  return ['| | lines | branches | functions |', '|---|---|---|---|', ...cells].join('\n');
}

/** @param {Reach | undefined} sum @param {Reach} reach @returns {Reach} */
function plus(sum, reach) {
  const both = (kind) => ({
    covered: (sum?.[kind].covered ?? 0) + reach[kind].covered,
    total: (sum?.[kind].total ?? 0) + reach[kind].total,
  });
  return { lines: both('lines'), branches: both('branches'), functions: both('functions') };
}

const { status } = spawnSync(
  process.execPath,
  [
    join(ROOT, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project=units',
    '--coverage.enabled',
    '--coverage.provider=custom',
    `--coverage.customProviderModule=${PROVIDER}`,
    '--coverage.include=src/**/*.ts',
    '--coverage.exclude=src/admin/status-page/**',
    `--coverage.reportsDirectory=${FOLDER}`,
    '--coverage.reporter=json-summary',
    '--coverage.reporter=html',
    ...process.argv.slice(2),
  ],
  { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] },
);
if (status === 0) {
  const { total, ...files } = JSON.parse(readFileSync(join(ROOT, FOLDER, 'coverage-summary.json'), 'utf8'));
  /** @type {Map<string, Reach>} */
  const folders = new Map();
  for (const [file, reach] of Object.entries(files)) {
    const [, folder = ''] = relative(ROOT, file).split('/');
    if (!folder.endsWith('.ts')) folders.set(`\`src/${folder}\``, plus(folders.get(`\`src/${folder}\``), reach));
  }
  const byName = [...folders].sort(([a], [b]) => (a < b ? -1 : 1));
  process.stdout.write(`\n${table([...byName, ['all', total]])}\n`);
}
process.exitCode = status ?? 1;
