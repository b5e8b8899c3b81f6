import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { MAIN_FILE } from '../helpers/running-proxy.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

test('the built program is a command of its own, which gives node and its memory the settings they need', async () => {
  const notes = join(temporaryDirectory(), 'options.cjs');
  writeFileSync(notes, 'process.stderr.write(JSON.stringify([process.execArgv, process.env.MALLOC_ARENA_MAX]));');
  const env = { PATH: process.env.PATH, NODE_OPTIONS: `--require=${notes}` };
  const { stdout, stderr } = await promisify(execFile)(MAIN_FILE, ['--help'], { env });
  expect(stdout).toContain('Usage: stateway');
  expect(JSON.parse(stderr)).toEqual([['--v8-pool-size=1', '--heap-growing-percent=200'], '1']);
});
