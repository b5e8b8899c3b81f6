#!/usr/bin/env node
/**
 * `npm run mutation` changes the file of each group (groups.mjs) in one place at a time, and runs the tests that reach the
 * place: one that fails has noticed. It prints what nobody noticed, and a table of the files; reports to look at are in
 * `coverage/mutation`. Names of groups after `--` take these alone.
 * Exit codes: 0 done, whatever the score; 1 a run failed; 2 bad usage.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GROUPS } from './groups.mjs';
import { install } from './install.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** @param {string} group @param {string} packages */
function mutate(group, packages) {
  const stryker = join(packages, '@stryker-mutator/core/bin/stryker.js');
  const { status } = spawnSync(process.execPath, [stryker, 'run', join(import.meta.dirname, 'stryker.config.mjs')], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, STATEWAY_MUTATION: JSON.stringify({ name: group, ...GROUPS[group] }) },
  });
  return status === 0;
}

/** @param {string} group */
function rowOf(group) {
  const { file } = GROUPS[group];
  const report = JSON.parse(readFileSync(join(ROOT, `coverage/mutation/${group}.json`), 'utf8'));
  const count = (...states) => report.files[file].mutants.filter(({ status }) => states.includes(status)).length;
  const noticed = count('Killed', 'Timeout');
  const [survived, unreached] = [count('Survived'), count('NoCoverage')];
  const all = noticed + survived + unreached;
  return `| \`${file}\` | ${all} | ${noticed} | ${survived} | ${unreached} | ${((100 * noticed) / all).toFixed(1)} % |`;
}

const asked = process.argv.slice(2);
const groups = asked.length > 0 ? asked : Object.keys(GROUPS);
const unknown = groups.find((group) => !Object.hasOwn(GROUPS, group));
if (unknown !== undefined) {
  process.stderr.write(`There is no group "${unknown}": ${Object.keys(GROUPS).join(', ')}.\n`);
  process.exit(2);
}
const packages = install();
const failed = groups.filter((group) => !mutate(group, packages));
const rows = groups.filter((group) => !failed.includes(group)).map(rowOf);
const head = ['| file | mutants | noticed | survived | reached by no test | score |', '|---|---|---|---|---|---|'];
process.stdout.write(`\n${[...head, ...rows].join('\n')}\n`);
if (failed.length > 0) process.stderr.write(`\nfailed: ${failed.join(', ')}\n`);
process.exitCode = failed.length > 0 ? 1 : 0;
