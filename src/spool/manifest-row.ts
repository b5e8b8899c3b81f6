import { decodeManifest, encodeManifest, type Manifest } from './segments/manifest.js';
import type { MetaRows } from './table.js';

const SEGMENTS_KEY = 'segments';

/** Which segments the journal has; `manifest` is undefined where none was written yet, or it cannot be read. */
export function readManifest(meta: MetaRows): { manifest: Manifest | undefined; isDamaged: boolean } {
  let row: unknown;
  try {
    row = meta.get(SEGMENTS_KEY);
  } catch {
    return { manifest: undefined, isDamaged: true };
  }
  if (row === undefined) return { manifest: undefined, isDamaged: false };
  const manifest = typeof row === 'string' ? decodeManifest(Buffer.from(row, 'base64')) : undefined;
  return { manifest, isDamaged: manifest === undefined };
}

/** Writes that down. */
export function writeManifest(meta: MetaRows, manifest: Manifest): Promise<boolean> {
  return meta.put(SEGMENTS_KEY, encodeManifest(manifest).toString('base64'));
}

/** Takes it away: there are no segments. */
export function removeManifest(meta: MetaRows): Promise<boolean> {
  return meta.remove(SEGMENTS_KEY);
}
