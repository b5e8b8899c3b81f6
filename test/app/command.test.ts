import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { notHere } from '../helpers/fault-form.js';
import { endNow, MAIN_FILE, startChild, startProgram } from '../helpers/program.js';
import { later } from '../helpers/promises.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

/** What the program is started with, and what it asks of V8, told when it ends. */
const NOTES = `
const v8 = require('node:v8');
const flags = [];
const { setFlagsFromString } = v8;
v8.setFlagsFromString = (flag) => { flags.push(flag); setFlagsFromString(flag); };
require('node:module').syncBuiltinESMExports();
const { MALLOC_ARENA_MAX, GLIBC_TUNABLES } = process.env;
process.on('exit', () => {
  process.stderr.write(JSON.stringify({ execArgv: process.execArgv, flags, MALLOC_ARENA_MAX, GLIBC_TUNABLES }));
});
`;

test('the built program is a command of its own, which gives node and its memory the settings they need', async () => {
  const notes = join(temporaryDirectory(), 'notes.cjs');
  writeFileSync(notes, NOTES);
  const env = { PATH: process.env.PATH, NODE_OPTIONS: `--require=${notes}` };
  const { stdout, stderr } = await promisify(execFile)(MAIN_FILE, ['--help'], { env });
  expect(stdout).toContain('Usage: stateway');
  expect(JSON.parse(stderr)).toEqual({
    execArgv: ['--v8-pool-size=1'],
    flags: ['--heap-growing-percent=400'],
    MALLOC_ARENA_MAX: '1',
    GLIBC_TUNABLES: 'glibc.malloc.tcache_count=127',
  });
});

test('its first line is short enough for kernels that cut it off after 127 characters', () => {
  expect(readFileSync(MAIN_FILE, 'utf8').indexOf('\n')).toBeLessThanOrEqual(127);
});

test('the help of a command within a command is that of itself', async () => {
  const { stdout } = await promisify(execFile)(MAIN_FILE, ['help', 'spool', 'import']);
  expect(stdout).toContain('Usage: stateway spool import ');
});

test.each([[['config']], [['--help']], [['spool', 'discard', '--help']]])(
  '"%s" without a reader ends quietly',
  async (args) => {
    const child = startProgram(args);
    onTestFinished(() => void child.kill('SIGKILL'));
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.stdout.destroy();
    expect([(await once(child, 'close'))[0], errors]).toEqual([0, '']);
  },
);

test.each([
  [
    'simulate fleet',
    false,
    ['simulate', 'fleet', '--url', 'http://127.0.0.1:1', '--devices', '2', '--seconds', '20', '--json'],
  ],
  ['simulate cloud', true, ['simulate', 'cloud', '--listen', '127.0.0.1:0', '--json']],
])('"%s" whose reader has read what it wanted ends quietly', async (_name, isSilent, args) => {
  const child = startProgram(args);
  onTestFinished(() => endNow(child));
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  // What prints nothing by itself before its end is told to end.
  if (isSilent) child.kill('SIGTERM');
  expect([(await once(child, 'close'))[0], errors]).toEqual([0, '']);
});

test('without a command it prints its help and exits with 2', async () => {
  const child = startProgram([], { cwd: temporaryDirectory() });
  onTestFinished(() => endNow(child));
  let told = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      told += chunk;
    });
  }
  const [code] = await once(child, 'close');
  expect(code).toBe(2);
  expect(told).toMatch(/^Usage: stateway .*serve/s);
});

const npm = spawnSync('npm', ['--version']).error;
if (npm !== undefined) notHere('npm start', npm.message);

test.skipIf(npm !== undefined)('by "npm start" it is told of a signal as it is by itself', async () => {
  // Without the build that goes before it: the one that is tested stays as it is.
  const args = [
    'start',
    '--silent',
    '--ignore-scripts',
    '--',
    'simulate',
    'cloud',
    '--listen',
    '127.0.0.1:0',
    '--json',
  ];
  const child = startChild(['npm', ...args], { env: { ...process.env }, cwd: join(MAIN_FILE, '../../..') });
  onTestFinished(() => endNow(child));
  const closed = later(once(child, 'close'));
  await once(child.stdout, 'data');
  // Its output ends when the last process that writes to it has.
  child.kill('SIGTERM');
  await closed;
});
