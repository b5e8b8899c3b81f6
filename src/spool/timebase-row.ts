import { crc32 } from 'node:zlib';
import type { Timebases } from '../core/timebase.js';
import type { MetaRows } from './table.js';
import type { Change } from './transaction.js';

const TIMEBASES_KEY = 'timebases';
const NONE: Timebases = { bases: [], heard: undefined };

/** What is known of the clocks that times were counted with; nothing where that cannot be read. */
export function readTimebases(meta: MetaRows): Timebases & { readonly isDamaged: boolean } {
  let row: { readonly json?: unknown; readonly checksum?: unknown } | undefined;
  try {
    row = meta.get(TIMEBASES_KEY) as typeof row;
  } catch {
    return { ...NONE, isDamaged: true };
  }
  if (row === undefined) return { ...NONE, isDamaged: false };
  if (typeof row.json !== 'string' || crc32(row.json) !== row.checksum) return { ...NONE, isDamaged: true };
  return { ...(JSON.parse(row.json) as Timebases), isDamaged: false };
}

/** Writes that down. */
export function writeTimebases(meta: MetaRows, { bases, heard }: Timebases): Change {
  const json = JSON.stringify({ bases, heard });
  const row = { json, checksum: crc32(json) };
  return { write: () => [meta.put(TIMEBASES_KEY, row)], committed: () => {}, failed: () => {} };
}
