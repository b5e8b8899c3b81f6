// Brings what package.json beside this names into node_modules here, some 70 MB from the npm registry; a second time it is
// there already. Vitest is not among it: both tools find the project's own, two folders further up, as the tests do.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = import.meta.dirname;
/** A copy of the lock file, written last: what is there is whole, and is what is asked for now. */
const INSTALLED = join(FOLDER, 'node_modules/.installed');

/** @returns the folder that the packages are in */
export function install() {
  const lock = readFileSync(join(FOLDER, 'package-lock.json'), 'utf8');
  if (!existsSync(INSTALLED) || readFileSync(INSTALLED, 'utf8') !== lock) {
    const { status } = spawnSync('npm', ['ci', '--loglevel=error'], {
      cwd: FOLDER,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status !== 0) throw new Error('test/mutation: the packages cannot be had');
    writeFileSync(INSTALLED, lock);
  }
  return join(FOLDER, 'node_modules');
}
