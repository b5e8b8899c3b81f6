import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../core/machine/make-directory.js';

/** Bytes of the secret key (`STATEWAY_SECRET_KEY`). */
export const SECRET_KEY_BYTES = 32;
/** The key file's name in the data directory. */
export const KEY_FILE = 'secret.key';
const OWNER_ONLY = 0o600;

/** A secret key that cannot be had, or does not fit what is stored; the message is for the operator. */
export class SecretKeyError extends Error {
  override readonly name = 'SecretKeyError';
}

/**
 * The key file of a data directory, made with a fresh key where there is none.
 *
 * It is made whole under another name, synced and then linked to its own, so that no crash leaves half a key, and of two
 * processes that start at once both get the same. A file that others may read is repaired to mode 0600, as volumes in
 * containers and restored backups lose modes, and the data directory, of mode 0700, is closed to others anyway.
 *
 * Where anything is stored that only the missing key opens, none is made: it would look like the right one.
 *
 * @param isAnythingSealed whether rows are there that were written under a key
 * @param onRepaired told of the mode that was found, when it was repaired
 * @throws SecretKeyError when the file is missing and wanted, cannot be made, read or repaired, or does not hold a key
 */
export function keyFromFile(
  dataDir: string,
  isAnythingSealed: boolean,
  onRepaired: (file: string, mode: number) => void,
): Uint8Array {
  const file = join(dataDir, KEY_FILE);
  try {
    makeDirectory(dataDir);
    const key = readKey(file, onRepaired);
    if (key !== undefined) return key;
    if (isAnythingSealed) {
      throw new SecretKeyError(
        `the stored grants cannot be opened without their secret key: STATEWAY_SECRET_KEY is not set, and the key file ${file} is missing; start with the key they were written under, or remove their directory and have the devices log in again`,
      );
    }
    return makeKey(dataDir, file, onRepaired);
  } catch (error) {
    if (error instanceof SecretKeyError) throw error;
    throw new SecretKeyError(`the key file ${file} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

function readKey(file: string, onRepaired: (file: string, mode: number) => void): Uint8Array | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const mode = fstatSync(descriptor).mode & 0o777;
    if ((mode & ~OWNER_ONLY) !== 0) {
      chmodSync(file, OWNER_ONLY);
      onRepaired(file, mode);
    }
    return parseKey(readFileSync(descriptor, 'utf8'), file);
  } finally {
    closeSync(descriptor);
  }
}

function parseKey(text: string, file: string): Uint8Array {
  const base64 = text.trim();
  const key = Buffer.from(base64, 'base64');
  // Buffer skips what is not base64; only text that comes out the same again was base64 all through.
  if (key.length !== SECRET_KEY_BYTES || key.toString('base64') !== base64) {
    throw new SecretKeyError(
      `the key file ${file} does not hold ${SECRET_KEY_BYTES} bytes in base64; restore it, or give the key as STATEWAY_SECRET_KEY`,
    );
  }
  return key;
}

function makeKey(dataDir: string, file: string, onRepaired: (file: string, mode: number) => void): Uint8Array {
  const unfinished = `${file}.${process.pid}`;
  rmSync(unfinished, { force: true });
  try {
    writeSynced(unfinished, `${randomBytes(SECRET_KEY_BYTES).toString('base64')}\n`);
    linkSync(unfinished, file);
  } catch (error) {
    // Another process was faster: its key is the one.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
  syncDirectory(dataDir);
  const key = readKey(file, onRepaired);
  if (key === undefined) throw new SecretKeyError(`the key file ${file} is gone again`);
  return key;
}

function writeSynced(file: string, text: string): void {
  const descriptor = openSync(file, 'wx', OWNER_ONLY);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A name is on stable storage when its directory is (fsync(2)). */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
