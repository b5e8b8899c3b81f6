import { getSystemErrorMap } from 'node:util';
import type { DiskFault } from '../../core/spool-ports.js';

/** How the file system says that it takes no more: full, over quota, file too large. */
const FULL_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
/** How lmdb-js says it: its errors have the number of the system's error, or one of LMDB's own. */
const FULL_MESSAGE = /no space left|quota exceeded|file too large|MDB_MAP_FULL/i;
/** The files that are open are not those that the data directory has. */
const MOVED = 'MOVED';
/** How the file system says that there is no such directory any more. */
const GONE_CODES: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR']);
/** The error is not one of the system's. */
const OTHER = 'OTHER';
const MOST_WORDS = 100;

/** Another file than the one that is open stands under its name, or none. */
export class MovedFileError extends Error {
  override readonly name = 'MovedFileError';
  readonly code = MOVED;
}

/** What an error of the file system or of LMDB says of the disk. */
export function faultOf(error: unknown): DiskFault {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const [name, meaning] = systemErrorOf(code) ?? [];
  if (name !== undefined && GONE_CODES.has(name)) return { code: MOVED, words: 'the data directory is gone' };
  if (name !== undefined && meaning !== undefined) return { code: name, words: meaning };
  // The first sentence says what went wrong; LMDB goes on with figures.
  const words = String(message).split(/\n|: Attempting/, 1)[0] as string;
  return { code: code === MOVED ? MOVED : OTHER, words: words.slice(0, MOST_WORDS) };
}

/** Whether `error` is that there is no room. */
export function isForRoom(error: unknown): boolean {
  return FULL_CODES.has(faultOf(error).code) || FULL_MESSAGE.test(String((error as Error).message));
}

/** Whether what is open can still be written to: then what waits can be settled, though nobody finds the files again. */
export function isMoved({ code }: DiskFault): boolean {
  return code === MOVED;
}

function systemErrorOf(code: unknown): readonly [name: string, meaning: string] | undefined {
  if (typeof code === 'number') return getSystemErrorMap().get(-code);
  if (typeof code !== 'string') return undefined;
  for (const entry of getSystemErrorMap().values()) if (entry[0] === code) return entry;
  return undefined;
}

/** A data directory that cannot be used; the message is for the operator. */
export class SpoolOpenError extends Error {
  override readonly name = 'SpoolOpenError';
}
