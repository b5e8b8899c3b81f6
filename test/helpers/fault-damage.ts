import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Numbers from 0 to 1 that the same seed gives again (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;
/** Room that is held back for a full disk; it holds nothing, and would draw most of the damage. */
const EMPTY_FILE = 'reserve';

/**
 * Damages one place of the files of a directory, as likely in each byte of the pages in which something stands: a flipped
 * bit, an overwritten byte, a sector of zeros, or a file that ends there. Most of a journal is zeros that wait to be
 * written over, and would draw most of the damage.
 * @returns what was done, in words
 */
export function damageSomewhere(directory: string, random: () => number): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name !== EMPTY_FILE && statSync(join(directory, name)).isFile())
    .map((name) => ({ name, pages: writtenPages(join(directory, name)) }));
  const bytes = files.flatMap(({ pages }) => pages.map(({ byteLength }) => byteLength)).reduce((sum, n) => sum + n, 0);
  let place = Math.floor(random() * bytes);
  for (const { name, pages } of files) {
    for (const { start, byteLength } of pages) {
      if (place < byteLength) return damageAt(join(directory, name), name, start + place, random);
      place -= byteLength;
    }
  }
  throw new Error('nothing to damage');
}

/** The pages of a file that are not all zeros. */
function writtenPages(file: string): { start: number; byteLength: number }[] {
  const bytes = readFileSync(file);
  const pages: { start: number; byteLength: number }[] = [];
  for (let start = 0; start < bytes.byteLength; start += PAGE_BYTES) {
    const page = bytes.subarray(start, start + PAGE_BYTES);
    if (page.some((byte) => byte !== 0)) pages.push({ start, byteLength: page.byteLength });
  }
  return pages;
}

function damageAt(file: string, name: string, place: number, random: () => number): string {
  const descriptor = openSync(file, 'r+');
  try {
    const kind = Math.floor(random() * 4);
    if (kind === 0) {
      ftruncateSync(descriptor, place);
      return `${name} ends at ${place}`;
    }
    if (kind === 1) {
      const start = place - (place % SECTOR_BYTES);
      const size = Math.min(SECTOR_BYTES, statSync(file).size - start);
      writeSync(descriptor, Buffer.alloc(size), 0, size, start);
      return `${name} has a sector of zeros at ${start}`;
    }
    const byte = Buffer.alloc(1);
    readSync(descriptor, byte, 0, 1, place);
    const mask = kind === 2 ? 1 << Math.floor(random() * 8) : 1 + Math.floor(random() * 255);
    byte[0] = (byte[0] as number) ^ mask;
    writeSync(descriptor, byte, 0, 1, place);
    return `${name} has bits ${mask.toString(2)} of byte ${place} flipped`;
  } finally {
    closeSync(descriptor);
  }
}
