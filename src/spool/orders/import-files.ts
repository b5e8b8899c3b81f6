/**
 * What `stateway spool import` leaves for the proxy: a file for each import in a directory of its own, whole from the moment
 * at which it has its name. It holds records of one chunk (`src/state/record-layout.ts`) one after the other; its name says
 * what it was made of, and of how many states.
 */

import { readdirSync, statSync } from 'node:fs';
import { chown, type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Device } from '../../core/device.js';
import { buildPieceOfStates, type LooseState } from '../../state/backlog-piece.js';
import { type Change, changeOf } from '../lmdb/commit-writer.js';
import { DAMAGED, type MetaRows, readSealedJson, sealJson } from '../lmdb/table.js';

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

/** Of one device in a piece: the largest body that the cloud takes (docs/cloud.md, "Limits"). */
const PIECE_BYTES = 256 * 1024;
/** Of all devices, in memory. */
const GATHERED_BYTES = 8 * 1024 * 1024;
/** What the file leaves of the disk: beside it the proxy goes on storing, and copies what is in it. */
const ROOM_LEFT_BYTES = 256 * 1024 * 1024;
/** A file that nobody has written to for so long was left behind. */
const ABANDONED_AFTER_MS = 3_600_000;
const UNFINISHED = '.new';

interface Gathered {
  readonly device: Device;
  readonly states: LooseState[];
  bytes: number;
}

/** Writes the file of an import. It has a name that counts only when it is whole. */
export class ImportWriter {
  readonly #folder: string;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #gathered = new Map<string, Gathered>();
  #gatheredBytes = 0;

  private constructor(folder: string, path: string, file: FileHandle) {
    this.#folder = folder;
    this.#path = path;
    this.#file = file;
  }

  /** @param directory a data directory @throws Error of the file system */
  static async create(directory: string): Promise<ImportWriter> {
    const folder = join(directory, IMPORTS_DIRECTORY);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeAbandoned(folder);
    const path = join(folder, `${process.pid}-${Date.now()}${UNFINISHED}`);
    const file = await open(path, 'wx', 0o600);
    const { uid, gid } = await stat(directory);
    // The proxy has to read it, and take it away: as a rule it is another user's than root.
    if (process.getuid?.() === 0) await Promise.all([chown(folder, uid, gid), file.chown(uid, gid)]);
    return new ImportWriter(folder, path, file);
  }

  /** Adds a state behind the others of its device. @throws Error when there is no room, or it cannot be written */
  async add(device: Device, state: LooseState): Promise<void> {
    let gathered = this.#gathered.get(device.key);
    if (gathered === undefined) {
      gathered = { device, states: [], bytes: 0 };
      this.#gathered.set(device.key, gathered);
    }
    gathered.states.push(state);
    gathered.bytes += state.fragment.byteLength;
    this.#gatheredBytes += state.fragment.byteLength;
    if (gathered.bytes >= PIECE_BYTES) await this.#write(gathered);
    if (this.#gatheredBytes >= GATHERED_BYTES) await this.#writeAll();
  }

  /** All is on the disk, under `name`, when this resolves. */
  async finish(name: string): Promise<void> {
    await this.#writeAll();
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#path, join(this.#folder, name));
    await syncDirectory(this.#folder);
    await syncDirectory(join(this.#folder, '..'));
  }

  /** Nothing of it is left. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(this.#path, { force: true });
  }

  async #writeAll(): Promise<void> {
    for (const gathered of this.#gathered.values()) await this.#write(gathered);
  }

  async #write({ device, states, bytes }: Gathered): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    if (bavail * bsize < ROOM_LEFT_BYTES + bytes) {
      throw new Error(`the disk has ${Math.floor((bavail * bsize) / 2 ** 20)} MiB left, too little for an import`);
    }
    await this.#file.writeFile(buildPieceOfStates(device, states, 0));
    this.#gathered.delete(device.key);
    this.#gatheredBytes -= bytes;
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(UNFINISHED)) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (Date.now() - mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true });
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
