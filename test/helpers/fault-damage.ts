import { closeSync, ftruncateSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs';
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
/** Room that is held back for a full disk; it holds nothing, and would draw most of the damage. */
const EMPTY_FILE = 'reserve';

/**
 * Damages one place of the files of a directory, as likely in each byte: a flipped bit, an overwritten byte, a sector of
 * zeros, or a file that ends there.
 * @returns what was done, in words
 */
export function damageSomewhere(directory: string, random: () => number): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => ({ name, stats: statSync(join(directory, name)) }))
    .filter(({ stats }) => stats.isFile() && stats.size > 0)
    .filter(({ name }) => name !== EMPTY_FILE);
  let place = Math.floor(random() * files.reduce((sum, { stats }) => sum + stats.size, 0));
  for (const { name, stats } of files) {
    if (place < stats.size) return damageAt(join(directory, name), name, place, random);
    place -= stats.size;
  }
  throw new Error('nothing to damage');
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
