import { crc32 } from 'node:zlib';
import type { MetaRows } from './table.js';
import { type Change, changeOf } from './transaction.js';

export const FORMAT_KEY = 'format';
export const FLOORS_KEY = 'floors';
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

export interface FloorsRow extends Floors {
  readonly checksum: number;
}

/** The number of the format; undefined when there is none; NaN when there is something else. */
export function readFormat(meta: MetaRows): number | undefined {
  const format = readJson(meta, FORMAT_KEY);
  return format === undefined || typeof format === 'number' ? format : Number.NaN;
}

/**
 * The floors; zeros where they cannot be read, which `isDamaged` says.
 * @param logged the newest that stand in the journal. They tell of stamps alone: what they say of numbers, LMDB may know
 *   better, which is told of those with whatever frees them.
 */
export function readFloors(meta: MetaRows, logged: Buffer | undefined): Floors & { isDamaged: boolean } {
  const { isDamaged, ...floors } = openFloors(readJson(meta, FLOORS_KEY));
  if (logged === undefined) return { ...floors, isDamaged };
  return { ...floors, stampMs: openFloors(JSON.parse(logged.toString())).stampMs, isDamaged };
}

function openFloors(row: unknown): Floors & { isDamaged: boolean } {
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

/** What is written of floors, under {@link FLOORS_KEY}. */
export function floorsRow(floors: Floors): FloorsRow {
  return { ...floors, checksum: checksumOf(floors) };
}

/** Writes the floors down in LMDB. */
export function writeFloors(meta: MetaRows, floors: Floors): Change {
  return changeOf(() => [meta.put(FLOORS_KEY, floorsRow(floors))]);
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
