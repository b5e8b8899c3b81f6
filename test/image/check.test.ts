import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { expect } from '../helpers/test-scope.js';

const ROOT = join(import.meta.dirname, '..', '..');
/** Staging installs packages, and a check starts four processes. */
const TIMEOUT_MS = 180_000;

let directory: string;
let stage: string;

function runScript(script: string, ...args: string[]): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(ROOT, 'k8s/image', script), ...args], (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, output: stdout + stderr }),
    );
  });
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stateway-image-test-'));
  // Where these tests run as root, the check runs the program as another user.
  chmodSync(directory, 0o755);
  stage = join(directory, 'app');
  expect(await runScript('stage.mjs', stage)).toMatchObject({ status: 0 });
}, TIMEOUT_MS);

afterAll(() => {
  spawnSync('chmod', ['-R', 'u+w', directory]);
  rmSync(directory, { recursive: true, force: true });
});

/** A copy of the good stage with one fault in it; its files are links to the good ones. */
function planted(name: string, plant: (copy: string) => void): string {
  const copy = join(directory, name);
  expect(spawnSync('cp', ['-al', stage, copy]).status).toBe(0);
  plant(copy);
  return copy;
}

/** Changes what is in a folder that is sealed, and seals it again. */
function within(folder: string, change: () => void): void {
  chmodSync(folder, 0o755);
  change();
  chmodSync(folder, 0o555);
}

function remove(path: string): void {
  within(dirname(path), () => rmSync(path, { recursive: true }));
}

/** Puts a file or package of the project's own installation into a stage. */
function add(copy: string, path: string): void {
  within(join(copy, dirname(path)), () => {
    cpSync(join(ROOT, path), join(copy, path), { recursive: true });
    spawnSync('chmod', ['-R', 'a-w', join(copy, path)]);
  });
}

// Each starts programs of its own, and waits for them.
describe.concurrent('image:check', () => {
  it('ends with 3 where the system of the image cannot be had, which is no fault of the program', () => {
    const check = [join(ROOT, 'k8s/image/check.mjs'), '--trixie', '--root', join(directory, 'trixie')];
    const { status, stderr } = spawnSync(process.execPath, check, { env: { PATH: directory }, encoding: 'utf8' });
    expect(stderr).toMatch(/^image:check: --trixie (?:must be run as root|needs a namespace of its own)/);
    expect(status).toBe(3);
  });

  it(
    'passes what the stage script stages, and reports its size by part',
    async () => {
      const { status, output } = await runScript('check.mjs', '--stage', stage);
      expect(output).toMatch(/^ +\d+\.\d MB {2}node_modules\/lmdb$/m);
      expect(output).toMatch(/^ +\d+\.\d MB {2}all$/m);
      expect(status).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    'fails for what is too much',
    async () => {
      const otherArchitecture = process.arch === 'arm64' ? 'x64' : 'arm64';
      const abi = process.versions.modules;
      const otherAbi = abi === '127' ? '115' : '127';
      const foreign = [
        `node_modules/uws-current/uws_darwin_arm64_${abi}.node`,
        `node_modules/uws-current/uws_linux_${otherArchitecture}_${abi}.node`,
        `node_modules/uws-current/uws_linux_${process.arch}_${otherAbi}.node`,
      ] as const;
      const copy = planted('too-much', (folder) => {
        for (const path of [...foreign, 'node_modules/yaml']) add(folder, path);
        chmodSync(join(folder, 'dist/src'), 0o755);
      });
      const { status, output } = await runScript('check.mjs', '--stage', copy);
      expect(output).toContain(`${foreign[0]} is not a Linux binary`);
      expect(output).toContain(`${foreign[1]} is not for ${process.arch}`);
      expect(output).toContain(`${foreign[2]} is for Node ABI ${otherAbi}`);
      expect(output).toContain('node_modules/yaml is for development only');
      expect(output).toContain('dist/src can be written to');
      expect(status).toBe(1);
    },
    TIMEOUT_MS,
  );

  it(
    'fails for what is missing',
    async () => {
      const copy = planted('missing', (folder) => {
        remove(join(folder, 'dist/src/front/http/reply.js'));
        remove(join(folder, 'node_modules/pino'));
      });
      const { status, output } = await runScript('check.mjs', '--stage', copy);
      expect(output).toMatch(
        /dist\/src\/front\/http\/reply\.js is missing, which dist\/src\/front\/[\w/-]+\.js imports/,
      );
      expect(output).toContain('node_modules/pino is missing');
      expect(output).toContain('the library pino does not load');
      expect(status).toBe(1);
    },
    TIMEOUT_MS,
  );

  it.each([
    ['the worker, which nothing imports', 'dist/workers/batch-worker.js'],
    ['the program that is started', 'bin/stateway'],
  ])(
    'fails in use without %s',
    async (_what, path) => {
      const copy = planted(`without-${path.replaceAll('/', '-')}`, (folder) => remove(join(folder, path)));
      const { status, output } = await runScript('check.mjs', '--stage', copy);
      expect(output).not.toContain('running: ');
      expect(status).toBe(1);
    },
    TIMEOUT_MS,
  );

  it('refuses an option that it does not have', async () => {
    expect((await runScript('check.mjs', '--stages', stage)).status).toBe(2);
    expect((await runScript('stage.mjs')).status).toBe(2);
    expect((await runScript('prune-binaries.mjs')).status).toBe(2);
  });
});

describe('the pruning', () => {
  it('leaves binaries that load, those of uWebSockets.js and LMDB among them', () => {
    const binaries = readdirSync(join(stage, 'node_modules'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.node'),
    );
    const load = 'process.dlopen({ exports: {} }, process.argv[1])';
    const dead = binaries.filter(
      (path) => spawnSync(process.execPath, ['-e', load, join(stage, 'node_modules', path)]).status !== 0,
    );
    expect(dead).toEqual([]);
    expect(binaries.filter((path) => /^uws-(?:current|compat)\//.test(path))).not.toEqual([]);
    expect(binaries.filter((path) => path.startsWith('@lmdb/'))).not.toEqual([]);
  });
});
