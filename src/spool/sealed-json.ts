import { crc32 } from 'node:zlib';
import type { MetaRows } from './table.js';

/** How a value stands in the database `meta`: as JSON text under a CRC-32. */
export interface SealedJson {
  readonly json: string;
  readonly checksum: number;
}

/** What cannot be read. */
export const DAMAGED = Symbol('damaged');

export function sealJson(value: unknown): SealedJson {
  const json = JSON.stringify(value);
  return { json, checksum: crc32(json) };
}

/** The value under a name in `meta`; undefined where there is none. */
export function readSealedJson(meta: MetaRows, name: string): unknown {
  try {
    return openJson(meta.get(name));
  } catch {
    return DAMAGED;
  }
}

/** What {@link sealJson} was given; undefined for undefined. */
export function openJson(row: unknown): unknown {
  if (row === undefined) return undefined;
  const { json, checksum } = (row ?? {}) as Partial<SealedJson>;
  return typeof json === 'string' && crc32(json) === checksum ? JSON.parse(json) : DAMAGED;
}
