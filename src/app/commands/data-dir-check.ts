import { closeSync, constants, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type CheckLine, ok, skipped, wrong } from '../../core/check-line.js';
import { lookWhole } from '../../spool/beside/damage-beside.js';
import { diskRoomBytes } from '../../spool/disk/disk-room.js';
import { DATA_FILE } from '../../spool/lmdb/data-file.js';

const PAGE_BYTES = 4_096;
const WRITES = 16;
/** A device is answered after a synced write: with slower ones clients of a device give up early. */
const SLOW_MS = 100;
const MEBIBYTE = 1_024 * 1_024;

/**
 * Looks at the data directory beside a running proxy or without one: whether it can be written to, whether a proxy could
 * start on what is in it, the room on its disk, and how long a synced write takes. Writes one file of 64 KiB, and removes it.
 */
export async function checkDataDir(dataDir: string, maxSpoolBytes: number): Promise<readonly CheckLine[]> {
  const directory = nearestExisting(resolve(dataDir));
  const isThere = directory === resolve(dataDir);
  const file = join(directory, `.stateway-check-${process.pid}`);
  let writesMs: readonly number[];
  try {
    writesMs = timedWrites(file);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    const words = isThere ? `${dataDir}: ${why}` : `${dataDir} cannot be made in ${directory}: ${why}`;
    const remedy = `Let the user of the proxy (uid ${process.getuid?.()}) write there, or set STATEWAY_DATA_DIR to where it may.`;
    return [wrong('data directory', words, remedy), skipped('room'), skipped('sync')];
  } finally {
    rmSync(file, { force: true });
  }
  const found = isThere
    ? await wholeLine(directory, `${dataDir} can be written to`)
    : ok('data directory', `${dataDir} is made at the start, in ${directory}`);
  return [found, roomLine(directory, maxSpoolBytes), syncLine(writesMs)];
}

/** What is damaged is told by the error with what to do. */
async function wholeLine(directory: string, words: string): Promise<CheckLine> {
  if (!isSpool(directory)) return ok('data directory', `${words}, and holds no spool yet`);
  try {
    const isServed = await lookWhole(directory);
    const found = isServed
      ? 'a proxy runs on it: whether its files are whole is looked at when none does'
      : 'it is whole';
    return ok('data directory', `${words}, and ${found}`);
  } catch (error) {
    return wrong('data directory', (error as Error).message, 'No proxy starts on it as it is.');
  }
}

function nearestExisting(directory: string): string {
  const isThere = statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
  return isThere || dirname(directory) === directory ? directory : nearestExisting(dirname(directory));
}

/** Milliseconds that each of some synced writes took. */
function timedWrites(file: string): readonly number[] {
  const descriptor = openSync(
    file,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_DSYNC,
    0o600,
  );
  try {
    const page = Buffer.alloc(PAGE_BYTES, 1);
    return Array.from({ length: WRITES }, (_none, n) => {
      const startedMs = performance.now();
      writeSync(descriptor, page, 0, PAGE_BYTES, n * PAGE_BYTES);
      return performance.now() - startedMs;
    });
  } finally {
    closeSync(descriptor);
  }
}

function roomLine(directory: string, maxSpoolBytes: number): CheckLine {
  const freeBytes = diskRoomBytes(directory);
  const heldBytes = isSpool(directory) ? bytesIn(directory) : 0;
  const words = `${mebibytes(freeBytes)} free, for a spool of ${mebibytes(maxSpoolBytes)} (STATEWAY_MAX_SPOOL_BYTES)`;
  if (freeBytes + heldBytes >= maxSpoolBytes) return ok('room', words);
  return wrong(
    'room',
    words,
    'Free space there, or lower STATEWAY_MAX_SPOOL_BYTES: the disk is full before the spool is.',
  );
}

function isSpool(directory: string): boolean {
  return statSync(join(directory, DATA_FILE), { throwIfNoEntry: false }) !== undefined;
}

/** What the spool takes of the disk already; a file may go while this looks. */
function bytesIn(directory: string): number {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const blocks = names.map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.blocks ?? 0);
  return blocks.reduce((sum, each) => sum + each, 0) * 512;
}

function syncLine(writesMs: readonly number[]): CheckLine {
  const sorted = writesMs.toSorted((a, b) => a - b);
  const medianMs = sorted[Math.floor(sorted.length / 2)] as number;
  const words = `a synced write of 4 KiB takes ${medianMs.toFixed(1)} ms (median of ${sorted.length})`;
  if (medianMs <= SLOW_MS) return ok('sync', words);
  return wrong(
    'sync',
    words,
    'Put the data directory on a faster disk: each answer to a device waits for such a write.',
  );
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MEBIBYTE).toLocaleString('en-US')} MiB`;
}
