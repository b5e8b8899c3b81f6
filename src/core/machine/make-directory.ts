import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const OWNER_ONLY = 0o700;

/**
 * Makes a directory for its own user alone, and those above it that are missing. Not with Node's `recursive`, which on
 * some file systems does not return with Node 20.
 * @returns whether it was made; false when it was there
 * @throws the error of the file system
 */
export function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, { mode: OWNER_ONLY });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return false;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
  }
  makeDirectory(dirname(path));
  // As from the beginning: somebody else may have made it meanwhile.
  return makeDirectory(path);
}
