import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const ROOT = join(import.meta.dirname, '..', '..');
// A whole second: file systems keep parts of one as they can.
const BUILT_AT = new Date(Math.floor(Date.now() / 1_000 - 60) * 1_000);
const BEFORE_THAT = new Date(BUILT_AT.getTime() - 60_000);

/** A small project, built, with the scripts of the real one. */
let project: string;

function put(path: string, at: Date): void {
  const file = join(project, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '#!/bin/sh\necho "started with $*"\n', { mode: 0o755 });
  utimesSync(file, at, at);
}

function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, encoding: 'utf8' });
  return { status, stdout, stderr };
}

const check = (...args: string[]) => run(process.execPath, 'packaging/build-state.mjs', ...args);

beforeEach(() => {
  project = temporaryDirectory();
  mkdirSync(join(project, 'packaging'));
  copyFileSync(join(ROOT, 'packaging/build-state.mjs'), join(project, 'packaging/build-state.mjs'));
  const { bin, scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>;
  const small = { name: 'small', version: '1.0.0', type: 'module', bin, scripts };
  writeFileSync(join(project, 'package.json'), JSON.stringify(small));
  for (const source of [
    'src/main.ts',
    'src/page/page.css',
    'src/page/tsconfig.json',
    'src/page/plot.d.ts',
    'workers/a.ts',
  ]) {
    put(source, BEFORE_THAT);
  }
  for (const output of ['dist/src/main.js', 'dist/src/page/page.css', 'dist/workers/a.js']) put(output, BUILT_AT);
});

describe('the state of the build', () => {
  it('is good where each source is older than what is made of it', () => {
    expect(check()).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it.each([
    ['is changed', 'workers/a.ts', 'the build is older than workers/a.ts'],
    ['is copied and not compiled', 'src/page/page.css', 'the build is older than src/page/page.css'],
    ['is new', 'src/new.ts', 'the build does not have src/new.ts'],
  ])('is told in one line with an exit code of its own where a source %s', (_what, source, fault) => {
    put(source, new Date(BUILT_AT.getTime() + 1_000));
    expect(check()).toEqual({ status: 3, stdout: '', stderr: `stateway: ${fault}; run "npm ci", then start again\n` });
  });

  it('names the command that helps: the packages are there, or are not', () => {
    rmSync(join(project, 'dist'), { recursive: true });
    expect(check().stderr).toBe('stateway: the program is not built; run "npm ci", then start again\n');
    put('node_modules/typescript/package.json', BUILT_AT);
    expect(check().stderr).toBe('stateway: the program is not built; run "npm run build", then start again\n');
  });

  it('is not asked of a clock that was wrong: no build would help', () => {
    put('src/main.ts', new Date(Date.now() + 86_400_000));
    expect(check().status).toBe(0);
  });

  it('is no fault of an install without the compiler', () => {
    rmSync(join(project, 'dist'), { recursive: true });
    const { status, stderr } = check('--make');
    expect(status).toBe(0);
    expect(stderr).toMatch(/^stateway: not built, .*\n$/);
  });

  it('refuses what it does not know', () => {
    expect(check('--build').status).toBe(2);
  });
});

describe.each([
  ['npm start', ['start', '--', 'config'], 'started with config\n'],
  ['npm run demo', ['run', 'demo'], 'started with demo\n'],
])('%s', (_what, args, output) => {
  it('starts what is built, and compiles nothing', () => {
    const { status, stdout } = run('npm', ...args);
    expect(stdout.endsWith(output)).toBe(true);
    expect(status).toBe(0);
    expect(statSync(join(project, 'dist/src/main.js')).mtimeMs).toBeCloseTo(BUILT_AT.getTime(), 0);
  });

  it('says what to run where nothing is built, and ends with 3', () => {
    rmSync(join(project, 'dist'), { recursive: true });
    const { status, stderr } = run('npm', ...args);
    expect(stderr.split('\n')[0]).toBe('stateway: the program is not built; run "npm ci", then start again');
    expect(status).toBe(3);
  });
});

it('npm link makes stateway a command, which starts what is built', () => {
  const prefix = join(project, 'prefix');
  mkdirSync(join(prefix, 'lib/node_modules'), { recursive: true });
  const env = { ...process.env, npm_config_prefix: prefix };
  const link = spawnSync('npm', ['link', '--offline', '--loglevel=error'], { cwd: project, env, encoding: 'utf8' });
  expect(link.stderr).toBe('');
  const { stdout } = spawnSync(join(prefix, 'bin/stateway'), ['serve'], { encoding: 'utf8' });
  expect(stdout).toBe('started with serve\n');
  expect(statSync(join(project, 'dist/src/main.js')).mtimeMs).toBeCloseTo(BUILT_AT.getTime(), 0);
});
