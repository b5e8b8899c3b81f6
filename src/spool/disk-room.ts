import { readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DATA_FILE } from './data-file.js';
import { PIECE_FILE_NAME } from './piece-file.js';

/** What the kernel says of this process; the first figure of the line is the limit in force. */
const LIMITS_FILE = '/proc/self/limits';
const FILE_SIZE_LIMIT = /^Max file size\s+(\d+)\s/m;

const FILE_SIZE_LIMIT_BYTES = fileSizeLimitBytes();

/**
 * How many bytes the spool in `directory` can still grow by: what the disk has left, or what the limit on the size of a
 * file (`ulimit -f`, RLIMIT_FSIZE) leaves its longest file, whichever is less.
 */
export function diskRoomBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  const diskBytes = bavail * bsize;
  if (FILE_SIZE_LIMIT_BYTES === Number.POSITIVE_INFINITY) return diskBytes;
  const longestBytes = Math.max(fileBytes(directory, DATA_FILE), fileBytes(directory, PIECE_FILE_NAME));
  return Math.min(diskBytes, FILE_SIZE_LIMIT_BYTES - longestBytes);
}

function fileSizeLimitBytes(): number {
  try {
    const limit = FILE_SIZE_LIMIT.exec(readFileSync(LIMITS_FILE, 'latin1'))?.[1];
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    // No such file outside Linux, where a limit shows as EFBIG at the latest.
    return Number.POSITIVE_INFINITY;
  }
}

function fileBytes(directory: string, name: string): number {
  return statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
}
