import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notHere } from '../helpers/fault-form.js';
import { npm, PROJECT_ROOT, packProject } from '../helpers/packed.js';
import { startChild } from '../helpers/program.js';

interface LockEntry {
  readonly version: string;
  readonly dev?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly devDependencies?: unknown;
}
interface Lock {
  readonly version: string;
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/** npm reads the whole of node_modules, more than once: 6 s of processor time, which a busy machine stretches. */
const NPM_WITHIN_MS = 240_000;

let scratch: string;
let tarball: string;
/** The package as it is unpacked. */
let unpacked: string;

const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as unknown;
const shrinkwrap = () => readJson(join(unpacked, 'npm-shrinkwrap.json')) as Lock;
const lock = readJson(join(PROJECT_ROOT, 'package-lock.json')) as Lock;
const production = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && dev !== true);

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'stateway-pack-'));
  tarball = packProject(scratch);
  const unpack = spawnSync('tar', ['-xzf', tarball, '-C', scratch]);
  expect(unpack.status).toBe(0);
  unpacked = join(scratch, 'package');
}, NPM_WITHIN_MS);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Files below a folder of the project, relative to it. */
function filesIn(folder: string): string[] {
  const entries = readdirSync(join(PROJECT_ROOT, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** What the build makes of a source that runs; undefined for one that does not. */
function built(source: string): string | undefined {
  const path = join('dist', source.slice(PROJECT_ROOT.length));
  if (/\.d\.ts$|\/tsconfig\.json$|\/(?:write-docs|program-docs|runbook-page|option-docs)\.ts$/.test(path))
    return undefined;
  return path.replace(/\.ts$/, '.js');
}

describe('the package', () => {
  it('holds what runs and what is to be read, and nothing else', () => {
    const programs = [...filesIn('src'), ...filesIn('workers')].map(built).filter((path) => path !== undefined);
    const read =
      'dist/src/commit.json package.json npm-shrinkwrap.json README.md CHANGELOG.md LICENSE docs/licences.md'.split(
        ' ',
      );
    const held = readdirSync(unpacked, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(unpacked.length + 1));
    expect(held.sort()).toEqual([...programs, ...read].sort());
  });

  it('has its command marked as a program', () => {
    expect(statSync(join(unpacked, 'dist/src/main.js')).mode & 0o111).toBe(0o111);
  });

  it('names exact production packages and no registry in its shrinkwrap', () => {
    const { '': root, ...packages } = shrinkwrap().packages;
    expect(packages).toEqual(Object.fromEntries(production));
    expect(root).not.toHaveProperty('devDependencies');
    expect(readFileSync(join(unpacked, 'npm-shrinkwrap.json'), 'utf8')).not.toMatch(
      /https?:\/\/(?!opencollective|github|tidelift|feross|www\.patreon)/,
    );
    for (const [path, { resolved, integrity }] of Object.entries(packages)) {
      expect(resolved, path).toBeUndefined();
      expect(integrity, path).toMatch(/^sha512-/);
    }
  });

  it('leaves the checkout as it was', () => {
    expect(existsSync(join(PROJECT_ROOT, 'npm-shrinkwrap.json'))).toBe(false);
  });

  it(
    'takes exactly these packages where it is unpacked and installed in its folder',
    ({ skip }) => {
      const install = npm(['install', '--omit=dev', '--ignore-scripts', '--dry-run'], unpacked);
      if (install.lacksRegistry) skip(notHere('the exact installation', 'there is no registry'));
      const added = install.stdout.split('\n').filter((line) => line.startsWith('add '));
      const versions = new Set(
        production.map(([path, { version }]) => `add ${path.replace(/.*node_modules\//, '')} ${version}`),
      );
      expect(added.length).toBeGreaterThan(40);
      expect(added.filter((line) => !versions.has(line))).toEqual([]);
    },
    NPM_WITHIN_MS,
  );
});

describe('the installed package', () => {
  const prefix = () => join(scratch, 'prefix');
  const stateway = (...args: string[]) => {
    const env = { PATH: process.env.PATH, HOME: scratch };
    const run = spawnSync(join(prefix(), 'bin/stateway'), args, { cwd: '/', env, encoding: 'utf8' });
    return { status: run.status, stdout: run.stdout, stderr: run.stderr };
  };
  let missing: string | undefined;

  beforeAll(() => {
    mkdirSync(prefix());
    const install = npm(['install', '--global', '--prefix', prefix(), tarball], scratch);
    if (install.lacksRegistry) missing = notHere('the installed package', 'there is no registry');
    else expect(install.status, install.stderr).toBe(0);
  }, NPM_WITHIN_MS);

  it('is the command stateway, of this version', ({ skip }) => {
    if (missing !== undefined) skip(missing);
    expect(stateway('--version')).toEqual({ status: 0, stdout: `${lock.version}\n`, stderr: '' });
  });

  it('shows the whole of it by its demo', ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const { status, stdout, stderr } = stateway('demo', '--devices', '20', '--seconds', '3', '--json');
    expect(status, stderr).toBe(0);
    const report = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string);
    expect(report).toMatchObject({ sent: 300, acknowledged: 300, arrived: 300, lost: 0, duplicates: 0 });
  });

  it('has both halves of it, each by itself', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const command = join(prefix(), 'bin/stateway');
    const words = [command, 'simulate', 'cloud', '--listen', '127.0.0.1:0', '--devices', '2', '--json'];
    const cloud = startChild(words, { cwd: '/' });
    const [line] = (await once(cloud.stdout, 'data')) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { url: string };
    const load = ['--url', url, '--devices', '2', '--seconds', '1', '--rate', '5', '--ws-share', '0'];
    const fleet = stateway('simulate', 'fleet', ...load);
    cloud.kill('SIGTERM');
    await once(cloud, 'exit');
    expect(fleet).toMatchObject({ status: 0, stdout: expect.stringMatching(/acknowledged +10\n/) });
  });

  it('has no native binary of another system but those of uWebSockets.js, whose packages have all in one', ({
    skip,
  }) => {
    if (missing !== undefined) skip(missing);
    const modules = join(prefix(), 'lib/node_modules/stateway/node_modules');
    const names = readdirSync(modules, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.node'));
    const others = names.filter((path) => /\b(?:darwin|win32|android|freebsd)\b/.test(path));
    expect(names.filter((path) => path.startsWith('@lmdb/'))).not.toEqual([]);
    // bufferutil and utf-8-validate serve the imitation that uws-compat has for other systems.
    expect(others.filter((path) => !/^(?:uws-current|uws-compat|bufferutil|utf-8-validate)\//.test(path))).toEqual([]);
  });
});
