import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startChild } from '../helpers/program.js';
import { later } from '../helpers/promises.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const PROJECT_ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VITEST_FILE = join(PROJECT_ROOT, 'node_modules/vitest/vitest.mjs');
const REPORTER_FILE = join(PROJECT_ROOT, 'test/frame/tally-reporter.ts');
const HELPER_FILE = join(PROJECT_ROOT, 'test/helpers/program.ts');

/** A project whose one test does what it is given with the built program. */
function projectWith(files: Readonly<Record<string, string>>, body: string): string {
  const root = temporaryDirectory();
  symlinkSync(join(PROJECT_ROOT, 'node_modules'), join(root, 'node_modules'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  const imports = `import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { test } from 'vitest';
import { startProgram } from ${JSON.stringify(HELPER_FILE)};`;
  writeFileSync(join(root, 'only.test.ts'), `${imports}\ntest('only', async () => {\n${body}\n}, 60_000);\n`);
  return root;
}

const RUN = [process.execPath, VITEST_FILE, 'run', '--reporter', REPORTER_FILE];

test('a warning of Node on the program’s standard error fails the run, and says where it came about', async () => {
  const files = { 'warn.cjs': "process.emitWarning('planted', 'NoSuchWarning');" };
  const root = projectWith(
    files,
    `const program = startProgram(['--help'], { env: { NODE_OPTIONS: '--require=./warn.cjs' }, cwd: import.meta.dirname });
     program.stdout.resume();
     await once(program, 'close');`,
  );
  const run = startChild(RUN, { cwd: root });
  let output = '';
  for (const stream of [run.stdout, run.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const [code] = await once(run, 'close');
  expect(output).toContain('1 passed, 1 failed');
  expect(code).toBe(1);
});

test('the program ends when the run of the tests is killed', async () => {
  const root = projectWith(
    {},
    `const program = startProgram(['simulate', 'cloud', '--listen', '127.0.0.1:0', '--json']);
     await once(program.stdout, 'data');
     writeFileSync('pid', String(program.pid));
     await once(program, 'close');`,
  );
  const run = spawn(RUN[0] as string, RUN.slice(1), { cwd: root, stdio: 'ignore' });
  const ended = later(once(run, 'exit'));
  try {
    await expect.poll(() => existsSync(join(root, 'pid')), { timeout: 50_000 }).toBe(true);
  } finally {
    run.kill('SIGKILL');
  }
  await ended;
  const pid = Number(readFileSync(join(root, 'pid'), 'utf8'));
  await expect.poll(() => existsSync(`/proc/${pid}`)).toBe(false);
});
