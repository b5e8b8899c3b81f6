/**
 * What `stateway spool import` leaves for the proxy: a file for each import in a directory of its own, whole from the moment
 * at which it has its name. It holds records of one chunk (`src/state/record-layout.ts`) one after the other; its name says
 * what it was made of, and of how many states.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DAMAGED, readSealedJson, sealJson } from './sealed-json.js';
import type { MetaRows } from './table.js';
import { type Change, changeOf } from './transaction.js';

export const IMPORTS_DIRECTORY = 'imports';
/** Its name in `meta`. */
const IMPORTS_KEY = 'imports';
const NAME = /^[\da-f]{64}(?:\+[\da-f]+)?-(\d+)\.pieces$/;
/** Of those that are done, so many are remembered. */
const MOST_REMEMBERED = 1_000;

/** An import that waits to be taken in. */
export interface ImportFile {
  readonly name: string;
  /** In all; some may have been taken in. */
  readonly states: number;
}

/** How far imports have come. */
export interface ImportProgress {
  /** Names of those that are taken in whole, the latest last. */
  readonly done: readonly string[];
  /** The one that is being taken in, and how far into its file. */
  readonly current: { readonly name: string; readonly offset: number } | undefined;
}

const NONE: ImportProgress = { done: [], current: undefined };

/**
 * The name of an import's file.
 * @param digest SHA-256 of what was read, in hex
 * @param repetition unlike any other where the same is to be taken in again
 */
export function importName(digest: string, states: number, repetition?: string): string {
  return `${digest}${repetition === undefined ? '' : `+${repetition}`}-${states}.pieces`;
}

/** The imports that wait in a data directory, the oldest first. */
export function importFiles(directory: string): ImportFile[] {
  const folder = join(directory, IMPORTS_DIRECTORY);
  return namesIn(folder)
    .flatMap((name) => {
      const states = NAME.exec(name)?.[1];
      const writtenAtMs = statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs;
      return states === undefined || writtenAtMs === undefined ? [] : [{ name, states: Number(states), writtenAtMs }];
    })
    .sort((a, b) => a.writtenAtMs - b.writtenAtMs);
}

/** Undefined where it cannot be read. */
export function readImportProgress(meta: MetaRows): ImportProgress | undefined {
  const value = readSealedJson(meta, IMPORTS_KEY);
  if (value === DAMAGED) return undefined;
  return value === undefined ? NONE : (value as ImportProgress);
}

export function writeImportProgress(meta: MetaRows, { done, current }: ImportProgress): Change {
  return changeOf(() => [meta.put(IMPORTS_KEY, sealJson({ done: done.slice(-MOST_REMEMBERED), current }))]);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
