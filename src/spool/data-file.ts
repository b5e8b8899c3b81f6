import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** What LMDB puts behind the header of its first page, and how long that header is in the version that lmdb-js builds. */
const MAGIC = 0xbeefc0de;
const MAGIC_AT = 24;
/** LMDB writes its first two pages at once. */
const SMALLEST_BYTES = 2 * 4096;

/**
 * Checks that the data file of `directory`, if there is one, is LMDB's: at any other, lmdb-js 3.5 dies of a segmentation
 * fault instead of saying so.
 * @throws Error saying what is wrong
 */
export function assertDataFile(directory: string): void {
  const head = readHead(join(directory, 'data.mdb'));
  if (head.byteLength === 0) return;
  if (head.byteLength < SMALLEST_BYTES) throw new Error(`data.mdb has only ${head.byteLength} bytes`);
  if (head.readUInt32LE(MAGIC_AT) !== MAGIC) throw new Error('data.mdb is not an LMDB file');
}

/** The first two pages, or as much of them as there is. */
function readHead(file: string): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
  try {
    const head = Buffer.alloc(SMALLEST_BYTES);
    return head.subarray(0, readSync(descriptor, head, 0, SMALLEST_BYTES, 0));
  } finally {
    closeSync(descriptor);
  }
}
