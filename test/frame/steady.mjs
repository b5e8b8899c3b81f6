#!/usr/bin/env node
/**
 * `npm run test:steady -- 10 --busy 5 [TEST FILES]`: whether the tests are as green the tenth time as the first. Clones what is
 * committed into a folder of its own, installs, and runs `npm test` so many times in a row, the last of them beside two busy
 * loops. Each run is a line; what a run printed that was not green is kept. Exit code 0 when all were green.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PROJECT_ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUSY_LOOPS = 2;
/** Ended by the kernel when this process is gone. */
const BUSY_LOOP = ['--pdeathsig', 'KILL', '--', 'sh', '-c', 'while :; do :; done'];
const MOST_OUTPUT_BYTES = 2 ** 28;
/** What `tally-reporter.ts` ends each run with. */
const TALLY = /^(\d+) passed, (\d+) failed$/m;

const { runs, busyRuns, tests } = readArguments();
const folder = mkdtempSync(join(tmpdir(), 'stateway-steady-'));
const clone = join(folder, 'clone');
must('git', ['clone', '--quiet', PROJECT_ROOT, clone], folder);
must('npm', ['ci', '--loglevel=error'], clone);
say(`${runs} runs of npm test in ${clone}, the last ${busyRuns} beside ${BUSY_LOOPS} busy loops`);
let greenRuns = 0;
for (let run = 1; run <= runs; run++) if (isGreen(run, run > runs - busyRuns)) greenRuns++;
say(`${greenRuns} of ${runs} green`);
process.exitCode = greenRuns === runs ? 0 : 1;

/**
 * @param {number} run
 * @param {boolean} isBusy
 */
function isGreen(run, isBusy) {
  const loops = Array.from({ length: isBusy ? BUSY_LOOPS : 0 }, () => spawn('setpriv', BUSY_LOOP));
  const startedMs = performance.now();
  const args = ['test', ...(tests.length > 0 ? ['--', ...tests] : [])];
  const env = { ...process.env, NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: clone,
    env,
    encoding: 'utf8',
    maxBuffer: MOST_OUTPUT_BYTES,
  });
  for (const loop of loops) loop.kill('SIGKILL');
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  const tally = TALLY.exec(stdout)?.[0] ?? 'no tally: it did not end by itself';
  say(`run ${run} of ${runs}${isBusy ? `, beside ${BUSY_LOOPS} busy loops` : ''}: ${tally}, ${seconds} s`);
  if (status === 0) return true;
  const file = join(folder, `run-${run}.log`);
  writeFileSync(file, stdout + stderr);
  say(`  not green (exit code ${status}): ${file}`);
  return false;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
function must(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${error?.message ?? `exit code ${status}`}`);
}

function readArguments() {
  const { values, positionals } = parseArgs({ options: { busy: { type: 'string' } }, allowPositionals: true });
  const [count = '10', ...files] = positionals;
  const [all, busy] = [Number(count), Number(values.busy ?? 0)];
  if (!(Number.isInteger(all) && all > 0 && Number.isInteger(busy) && busy >= 0 && busy <= all)) {
    process.stderr.write('usage: npm run test:steady -- RUNS [--busy RUNS AMONG THEM] [TEST FILES]\n');
    process.exit(2);
  }
  return { runs: all, busyRuns: busy, tests: files };
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}
