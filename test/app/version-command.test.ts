import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { MAIN_FILE } from '../helpers/program.js';

const stateway = async (...args: string[]) => {
  const { stdout } = await promisify(execFile)(MAIN_FILE, args, { env: { PATH: process.env.PATH } });
  return stdout;
};
const manifest = JSON.parse(readFileSync(join(MAIN_FILE, '../../../package.json'), 'utf8')) as {
  version: string;
  dependencies: { lmdb: string };
};

test('"version" names what is installed, native parts and commit included', async () => {
  const [table, json] = await Promise.all([stateway('version'), stateway('version', '--json')]);
  const parts = JSON.parse(json) as Record<string, string | null>;
  expect(parts).toEqual({
    version: manifest.version,
    commit: parts.commit === null ? null : expect.stringMatching(/^[0-9a-f]{7,64}(\+changes)?$/),
    node: process.version,
    uws: expect.stringMatching(/^(uWebSockets\.js|@\S+\/\S+)@\d/),
    lmdb: expect.stringMatching(new RegExp(`^lmdb ${manifest.dependencies.lmdb}, LMDB 0\\.9\\.\\d+$`)),
  });
  const lines = Object.entries(parts).map(([name, value]) => `${name.padEnd(7)}  ${value ?? 'not known'}\n`);
  expect(table).toBe(lines.join(''));
});

test('each command has help, which names its options and where they come from', async () => {
  const [top, requeue, serve] = await Promise.all([
    stateway('--help'),
    stateway('spool', 'requeue', '--help'),
    stateway('serve', '--help'),
  ]);
  expect(top).toMatch(/^ {2}version \[options\] +print the version/m);
  expect(requeue).toMatch(/^Usage: stateway spool requeue \[options\] \[numbers\.\.\.\]$/m);
  expect(serve).toMatch(/^Configuration:\n {2}--listen <value> .*STATEWAY_LISTEN/ms);
});
