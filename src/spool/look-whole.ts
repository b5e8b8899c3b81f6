import { join } from 'node:path';
import { checkDataFile } from './data-file.js';
import { openBeside } from './environment.js';
import { inQuietMoment } from './quiet-moment.js';

/**
 * Looks at a data directory with a spool in it as a start would, and changes nothing.
 * @returns whether a proxy runs on it: then its files are in motion, and only their format is looked at
 * @throws Error saying why a proxy could not start on it
 */
export function lookWhole(directory: string): Promise<boolean> {
  return inQuietMoment(directory, async (isServed) => {
    const { root } = await openBeside(directory, isServed);
    await root?.close();
    if (!isServed) checkDataFile(join(directory, 'grants'));
    return isServed;
  });
}
