import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/**
 * What lmdb-js 3.5 prints into 100 bytes of heap when a write fails (`mdb.c`: `mdb_page_flush`). The figures of what it did
 * not try to write are whatever stood on the stack, so that the text takes up to 126 bytes.
 */
const TEXT = 'Attempting to write page at position %u, size %u, blocks %u, buffer sizes %i %i %i';
/** The same as far as it takes at most 84 bytes; what more is handed over to be printed is passed by. */
export const SHORT_TEXT = 'Attempting to write page at position %u, size %u, blocks %u';
const ADDON = /^([0-9a-f]+)-([0-9a-f]+) r\S+ ([0-9a-f]+) \S+ \d+ +(\/.*lmdb.*\.node)$/gm;

/** It stays so as long as the process does; to look for it takes 25 ms. */
let isShort = false;

/**
 * Shortens that text in the memory of this process, where the addon is mapped: there is no option or call that avoids it, and
 * what it writes over belongs to others. To be called once lmdb-js is loaded. The file of the addon stays as it is.
 * @returns whether the text is short now; false where the system does not let a process write to its own memory, or where
 *   this is another lmdb-js, which has the text in no such place
 */
export function shortenErrorText(): boolean {
  isShort ||= findAndShorten();
  return isShort;
}

function findAndShorten(): boolean {
  try {
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      const addresses = textAddresses();
      return addresses.length > 0 && addresses.every((address) => shorten(memory, address));
    } finally {
      closeSync(memory);
    }
  } catch {
    return false;
  }
}

/** Where the text stands: the addon's file says at which offset, and the kernel where that is mapped. */
function textAddresses(): number[] {
  const found: number[] = [];
  const atOf = new Map<string, number>();
  for (const [, start = '', end = '', offset = '', file = ''] of readFileSync('/proc/self/maps', 'latin1').matchAll(
    ADDON,
  )) {
    // Mapped in several parts, of some MB together.
    const atInFile = atOf.get(file) ?? readFileSync(file).indexOf(`${TEXT}\0`);
    atOf.set(file, atInFile);
    const at = atInFile - Number.parseInt(offset, 16);
    const address = Number.parseInt(start, 16) + at;
    if (at >= 0 && address < Number.parseInt(end, 16)) found.push(address);
  }
  return found;
}

function shorten(memory: number, address: number): boolean {
  const bytes = Buffer.alloc(TEXT.length);
  readSync(memory, bytes, 0, bytes.length, address);
  const text = bytes.toString('latin1');
  if (text === TEXT)
    writeSync(memory, Buffer.from(SHORT_TEXT.padEnd(TEXT.length, '\0'), 'latin1'), 0, TEXT.length, address);
  return text === TEXT || text.startsWith(`${SHORT_TEXT}\0`);
}
