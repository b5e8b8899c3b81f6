import { statfsSync } from 'node:fs';

/** Bytes that this user may still write to the disk of `directory`; undefined when the system does not say. */
export function freeDiskBytes(directory: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
