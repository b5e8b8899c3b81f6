import { crc32 } from 'node:zlib';
import { type Clock, MAX_STAMP_AHEAD_MS } from '../../core/time/clock.js';
import { type Change, changeOf } from './commit-writer.js';
import type { MetaRows } from './table.js';

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

/** Stamps that one writing covers, so that a device that runs ahead of the clock does not cause one with each record. */
const STAMPS_AT_ONCE_MS = 1_000;

/** The stamp up to which it is written down that stamps were given: after a crash one ahead of the clock would be again. */
export class StampCeiling {
  readonly #clock: Clock;
  readonly #note: () => Promise<void>;
  #ms: number;

  /** @param note writes {@link StampCeiling.ms} to the journal, before what is appended after it */
  constructor(clock: Clock, ms: number, note: () => Promise<void>) {
    this.#clock = clock;
    this.#ms = ms;
    this.#note = note;
  }

  get ms(): number {
    return this.#ms;
  }

  /**
   * To be told of the latest stamp of each record before it is appended. Nobody waits for what this writes: records must
   * become stored in the order of their numbers, without detours.
   */
  note(latestStampMs: number): void {
    const wallMs = this.#clock.wallMs();
    if (latestStampMs <= wallMs) return;
    // From before the clock was set back: it would hide the stamps that run ahead of the clock as it is now.
    const isOutdated = this.#ms > wallMs + MAX_STAMP_AHEAD_MS + STAMPS_AT_ONCE_MS;
    if (latestStampMs <= this.#ms && !isOutdated) return;
    this.#ms = latestStampMs + STAMPS_AT_ONCE_MS;
    this.#note().catch(() => {
      this.#ms = Number.NEGATIVE_INFINITY;
    });
  }
}
