import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assertRealDisk } from './measure/machine.js';

/**
 * Runs something with a directory of its own under `bench/data`, which goes when it ends.
 * @param root of the project
 * @throws Error when it is on no real disk
 */
export async function withRunDirectory<T>(root: string, run: (directory: string) => Promise<T>): Promise<T> {
  mkdirSync(join(root, 'bench', 'data'), { recursive: true });
  const directory = mkdtempSync(join(root, 'bench', 'data', 'run-'));
  try {
    assertRealDisk(directory);
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
