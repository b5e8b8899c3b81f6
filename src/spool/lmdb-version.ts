import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as lmdb from 'lmdb';

/** The package and the LMDB in it, as the loaded binary says: `lmdb 3.5.6, LMDB 0.9.90`. */
export function lmdbVersion(): string {
  // The types leave it out (lmdb 3.5.6, node-index.js).
  const { major, minor, patch } = (lmdb as unknown as { version: Record<'major' | 'minor' | 'patch', number> }).version;
  return `lmdb ${packageVersion()}, LMDB ${major}.${minor}.${patch}`;
}

/** Its `exports` hide the package.json, which lies in the folder of the package. */
function packageVersion(): string {
  const main = createRequire(import.meta.url).resolve('lmdb');
  const folder = main.slice(0, main.lastIndexOf('/lmdb/') + '/lmdb/'.length);
  return (JSON.parse(readFileSync(`${folder}package.json`, 'utf8')) as { version: string }).version;
}
