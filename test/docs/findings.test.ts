import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const FOLDER = join(import.meta.dirname, '..', '..', 'findings');
const SCRIPTS = readdirSync(FOLDER).filter((name) => name.endsWith('.sh'));

// The findings themselves are run by findings/run, which needs Debian's packages and minutes.
describe('the findings', () => {
  it('are all listed in their README, and nothing else is', () => {
    const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8');
    const listed = [...readme.matchAll(/^\| \[([a-z0-9-]+)\]\(\1\.sh\) \|/gm)].map(([, name]) => `${name}.sh`);
    expect(listed.sort()).toEqual([...SCRIPTS].sort());
  });

  it.each(SCRIPTS)('%s can be executed and begins with what surprised', (script) => {
    expect(() => accessSync(join(FOLDER, script), constants.X_OK)).not.toThrow();
    const [, ...lines] = readFileSync(join(FOLDER, script), 'utf8').split('\n');
    const head = lines.slice(
      0,
      lines.findIndex((line) => !line.startsWith('#')),
    );
    const parts = head.filter((line) => /^# \S/.test(line)).map((line) => line.slice(2, line.indexOf(':')));
    expect(parts).toEqual(['Surprise', 'Versions', 'Would have broken', 'Seen']);
  });
});
