import { crc32 } from 'node:zlib';
import type { Clock } from '../core/clock.js';
import type { MetaRows } from './table.js';
import { type Change, changeOf } from './transaction.js';

const BOOT_KEY = 'boot';

/** The boot of the machine that the spool was last opened in: what times of other runs are to be compared by. */
export interface BootRow {
  readonly tag: number;
  /** Monotonic: when the spool was first opened in it; whatever was done in another boot was done before. */
  readonly firstOpenedMs: number;
  /** By how much the wall clock was ahead of the monotonic one then; see `Ages`. */
  readonly wallOffsetMs: number;
}

/** The row of the boot that runs: the one on disk, or another where that is of an earlier boot or cannot be read. */
export function bootRowNow(meta: MetaRows, tag: number, clock: Clock): BootRow {
  const known = readBootRow(meta);
  if (known?.tag === tag) return known;
  const nowMs = clock.monotonicMs();
  return { tag, firstOpenedMs: nowMs, wallOffsetMs: Math.round(clock.wallMs() - nowMs) };
}

/** Undefined where there is none that can be read. */
export function readBootRow(meta: MetaRows): BootRow | undefined {
  let row: Partial<BootRow & { checksum: number }>;
  try {
    row = (meta.get(BOOT_KEY) ?? {}) as typeof row;
  } catch {
    return undefined;
  }
  const { tag, firstOpenedMs, wallOffsetMs, checksum } = row;
  if (tag === undefined || firstOpenedMs === undefined || wallOffsetMs === undefined) return undefined;
  const read = { tag, firstOpenedMs, wallOffsetMs };
  return checksum === checksumOf(read) ? read : undefined;
}

/** Writes the row down. */
export function writeBootRow(meta: MetaRows, row: BootRow): Change {
  const sealed = { ...row, checksum: checksumOf(row) };
  return changeOf(() => [meta.put(BOOT_KEY, sealed)]);
}

function checksumOf({ tag, firstOpenedMs, wallOffsetMs }: BootRow): number {
  return crc32(`${tag} ${firstOpenedMs} ${wallOffsetMs}`);
}
