import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as lmdb from 'lmdb';
import { type Database, type DatabaseOptions, type Key, open, type RootDatabase } from 'lmdb';
import { makeDirectory } from '../../core/machine/make-directory.js';
import { SpoolOpenError } from '../disk/disk-fault.js';
import { checkDataFile, damageRemedy } from './data-file.js';
import { handleFailedBatches } from './failed-commit.js';
import { shortenErrorText } from './lmdb-error-text.js';
import { FORMAT_KEY, readFormat } from './numbering.js';
import { type MetaRows, type Rows, Table } from './table.js';

/**
 * What the data directory says of itself. Formats 1 and 2 are read, and carried over when they are opened to be written to
 * (`carry-over.ts`); any other number is refused. Format 2 counts the sends of a device by boot and window
 * (`rows.ts`), and marks times that were counted from the proxy's clock (`core/time/timebase.ts`). In format 3 the
 * journal is a directory of segments; before, it was a database beside the others.
 */
export const FORMAT = 3;
const OLDEST_FORMAT = 1;

const FIRST_DATABASES = ['watermarks', 'backlog', 'deadLetters', 'requests', 'unreadable'] as const;
/** Those that came later are made where they are missing; versions before pass them over. */
const ROW_DATABASES = [...FIRST_DATABASES, 'discards'] as const;
const OLD_JOURNAL = 'journal';

type RowDatabase = (typeof ROW_DATABASES)[number];

/** Everything in an LMDB environment of a spool. */
export type Environment = Record<RowDatabase, Rows> & {
  /** Another one after {@link reopenEnvironment}; undefined when that has failed. */
  root: RootDatabase | undefined;
  readonly meta: MetaRows;
};

/** The journal of a spool of format 1 or 2; undefined in one of this format. */
export function oldJournalOf({ root, meta }: Environment): Rows | undefined {
  if (root === undefined || readFormat(meta) === FORMAT) return undefined;
  return new Table(openRows(root, OLD_JOURNAL));
}

/** Address space, not memory: an environment that outgrows it is mapped anew, and twice until the old map is let go. */
const MAP_BYTES = 64 * 1024 ** 3;

/**
 * LMDB's settings. Without `overlappingSync` a commit includes its fdatasync, and the promise of a `put` resolves after
 * it; with lmdb-js's default it may resolve before. All writes of one event-loop turn are one transaction
 * (`eventTurnBatching`, on by default), and while it is being synced the next gathers: group commit. No write map: a full
 * disk is then an error of the commit and not a SIGBUS. No `noMemInit`: it would write stray heap memory, tokens among
 * it, into the file. `noSubdir`: a directory with a dot in its name would else be opened as a file.
 */
const SETTINGS = { noSubdir: false, overlappingSync: false, maxDbs: 8, mapSize: MAP_BYTES };
const ONE_TABLE: DatabaseOptions = { encoding: 'binary' };

/**
 * Makes the directory, for its own user alone, if it is not there.
 * @throws SpoolOpenError
 */
export function prepareDirectory(directory: string): void {
  orRefuse(directory, () => {
    makeDirectory(directory);
    keepFromOthers(directory);
  });
}

/**
 * Opens the environment for the one process that serves.
 * @throws SpoolOpenError when it cannot be opened, is damaged, or is of another format
 */
export async function openEnvironment(directory: string): Promise<Environment> {
  const { root, names } = openChecked(directory);
  try {
    const environment = tablesOf(root);
    const isFresh = assertFormat(directory, environment.meta, names) === undefined;
    if (isFresh) await environment.meta.put(FORMAT_KEY, FORMAT);
    // LMDB syncs its file and not the directory that names it.
    syncDirectory(directory);
    return environment;
  } catch (error) {
    await root.close();
    throw asOpenError(directory, error);
  }
}

/**
 * Opens an environment anew in which a commit has failed, under the tables that are there. LMDB takes no more writes once
 * its head page could not be written, and lmdb-js 3.5 then waits for good on a lock that it holds (`writer.cpp`: `Write`);
 * and a descriptor that was open when a sync failed may tell of that a second time, or not at all. Nothing may be on its way
 * to disk. What was committed was synced page by page by its own commit, and LMDB never writes over a page that is in use;
 * so nothing needs to be read back. Only the head pages are written over, by turns: whoever opens anew has to commit twice
 * before anything counts again.
 * @throws SpoolOpenError when it cannot be opened; then the tables throw until this succeeds
 */
export async function reopenEnvironment(directory: string, environment: Environment): Promise<RootDatabase> {
  const { root: before, meta, ...rows } = environment;
  environment.root = undefined;
  await before?.close();
  for (const table of [meta, ...Object.values(rows)]) table.detach();
  const root = openUnchecked(directory);
  for (const name of ROW_DATABASES) rows[name].attach(openRows(root, name));
  meta.attach(openMeta(root));
  environment.root = root;
  return root;
}

/** As {@link reopenEnvironment}, for an environment of one table without a name. */
export async function reopenTable(
  directory: string,
  before: RootDatabase<Buffer, string> | undefined,
): Promise<RootDatabase<Buffer, string>> {
  await before?.close();
  return openUnchecked<Buffer, string>(directory, ONE_TABLE);
}

/**
 * Opens an environment of one table without a name, which is made if there is none.
 * @throws SpoolOpenError when it cannot be opened or is damaged
 */
export function openTable(directory: string): RootDatabase<Buffer, string> {
  prepareDirectory(directory);
  const { root } = openChecked<Buffer, string>(directory, ONE_TABLE);
  orRefuse(directory, () => syncDirectory(directory));
  return root;
}

/**
 * Opens the environment beside whoever has it open, or nobody.
 * @param isServed whether a proxy has it open: then its file is in motion and cannot be checked
 * @throws SpoolOpenError as {@link openEnvironment}, and when there is none
 */
export async function openBeside(directory: string, isServed: boolean): Promise<Environment> {
  const names = isServed ? undefined : orRefuse(directory, () => checkDataFile(directory));
  if (names?.length === 0) throw new SpoolOpenError(`the data directory ${directory} holds no spool`);
  const root = openUnchecked(directory);
  try {
    const environment = tablesOf(root);
    assertFormat(directory, environment.meta, names);
    return environment;
  } catch (error) {
    await root.close();
    throw asOpenError(directory, error);
  }
}

/** Opens what is there, if it is whole. */
function openChecked<V, K extends Key>(
  directory: string,
  options: DatabaseOptions = {},
): { root: RootDatabase<V, K>; names: string[] } {
  const names = orRefuse(directory, () => checkDataFile(directory));
  return { root: openUnchecked<V, K>(directory, options), names };
}

function openUnchecked<V, K extends Key>(directory: string, options: DatabaseOptions = {}): RootDatabase<V, K> {
  shortenErrorText();
  const root = orRefuse(directory, () => open<V, K>({ path: directory, ...SETTINGS, ...options }));
  handleFailedBatches(root);
  return root;
}

function openMeta(root: RootDatabase): Database<unknown, string> {
  return root.openDB<unknown, string>({ name: 'meta', encoding: 'json' });
}

function openRows(root: RootDatabase, name: RowDatabase | typeof OLD_JOURNAL): Database<Buffer, Buffer> {
  return root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' });
}

function tablesOf(root: RootDatabase): Environment {
  const meta = new Table(openMeta(root));
  const rows = ROW_DATABASES.map((name) => [name, new Table(openRows(root, name))] as const);
  return { root, meta, ...(Object.fromEntries(rows) as Record<RowDatabase, Rows>) };
}

/**
 * @param names the databases that were in the file; undefined when that was not looked at
 * @returns the format; undefined where nothing was stored yet
 */
function assertFormat(directory: string, meta: MetaRows, names: readonly string[] | undefined): number | undefined {
  const format = readFormat(meta);
  if (format === undefined) {
    // The format is written last: without it, whatever there is comes from a first start that was cut short.
    const isFresh = names === undefined || names.length === 0 || (names.includes('meta') && meta.getKeysCount() === 0);
    if (isFresh) return undefined;
    throw new SpoolOpenError(`${directory} holds something else than a spool, or its format cannot be read`);
  }
  if (!(format >= OLDEST_FORMAT && format <= FORMAT)) {
    throw new SpoolOpenError(
      `${directory} holds a spool of format ${String(format)}; this version reads formats ${OLDEST_FORMAT} to ${FORMAT}`,
    );
  }
  const needed = format < FORMAT ? [...FIRST_DATABASES, OLD_JOURNAL] : FIRST_DATABASES;
  const missing = names && needed.find((name) => !names.includes(name));
  if (missing !== undefined) {
    const words = `${directory} is damaged and was left as it is: its database ${missing} is missing`;
    throw new SpoolOpenError(`${words}. ${damageRemedy(directory)}`);
  }
  return format;
}

/** @throws SpoolOpenError when it is somebody else's, and the error of the file system */
function keepFromOthers(directory: string): void {
  try {
    chmodSync(directory, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    const { uid } = statSync(directory);
    throw new SpoolOpenError(
      `the data directory ${directory} belongs to the user ${uid}, and this process is of the user ${process.getuid?.()}: ` +
        'give it to that one (chown), or name another (STATEWAY_DATA_DIR)',
      { cause: error },
    );
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function orRefuse<T>(directory: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw asOpenError(directory, error);
  }
}

/** Any failure on the way to an open spool, in words for the operator. */
export function asOpenError(directory: string, error: unknown): SpoolOpenError {
  if (error instanceof SpoolOpenError) return error;
  return new SpoolOpenError(`the data directory ${directory} cannot be opened: ${(error as Error).message}`, {
    cause: error,
  });
}

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
