import { crc32 } from 'node:zlib';
import type { MetaRows } from './table.js';
import type { Change } from './transaction.js';

export const FORMAT_KEY = 'format';
const FLOORS_KEY = 'floors';
/** From the highest number known to one that was surely not given out yet, where the floors cannot be read. */
export const LEAP = 2 ** 40;

/** The highest numbers given out, as far as nothing else on disk shows them. */
export interface Floors {
  readonly sequence: number;
  readonly deadLetter: number;
  /** Wall clock: no stamp that lay ahead of it was beyond this. */
  readonly stampMs: number;
}

const NONE: Floors = { sequence: 0, deadLetter: 0, stampMs: 0 };

interface FloorsRow extends Floors {
  readonly checksum: number;
}

/** The number of the format; undefined when there is none; NaN when there is something else. */
export function readFormat(meta: MetaRows): number | undefined {
  const format = readJson(meta, FORMAT_KEY);
  return format === undefined || typeof format === 'number' ? format : Number.NaN;
}

/** The floors; zeros where they cannot be read, which `isDamaged` says. */
export function readFloors(meta: MetaRows): Floors & { isDamaged: boolean } {
  const row = readJson(meta, FLOORS_KEY);
  if (row === undefined) return { ...NONE, isDamaged: false };
  const { sequence, deadLetter, stampMs = 0, checksum } = (row ?? {}) as Partial<FloorsRow>;
  if (
    sequence !== undefined &&
    deadLetter !== undefined &&
    checksum === checksumOf({ sequence, deadLetter, stampMs })
  ) {
    return { sequence, deadLetter, stampMs, isDamaged: false };
  }
  return { ...NONE, isDamaged: true };
}

/** Writes the floors down. */
export function writeFloors(meta: MetaRows, floors: Floors): Change {
  const row: FloorsRow = { ...floors, checksum: checksumOf(floors) };
  return { write: () => [meta.put(FLOORS_KEY, row)], committed: () => {}, failed: () => {} };
}

function checksumOf({ sequence, deadLetter, stampMs }: Floors): number {
  // Rows from before there were stamps in them go on being read.
  return crc32(stampMs === 0 ? `${sequence} ${deadLetter}` : `${sequence} ${deadLetter} ${stampMs}`);
}

/** A value; null where it is not JSON. */
function readJson(meta: MetaRows, key: string): unknown {
  try {
    return meta.get(key);
  } catch {
    return null;
  }
}
