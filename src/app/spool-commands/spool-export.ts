import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SingleBar } from 'cli-progress';
import type { StoredDeadLetter } from '../../core/dead-letter.js';
import type { SpoolStatus } from '../../core/spool-ports.js';
import { type ExportedState, letterLine, stateLine } from './export-lines.js';
import { type Filters, filtered } from './spool-filters.js';

/** What is exported from. */
export interface WaitingStates {
  status(): Promise<SpoolStatus>;
  /** Every waiting state, a device's own in order. */
  records(): Promise<Iterable<ExportedState>>;
}

/** Lines gathered before they are written, so that a million states are not a million writes. */
const CHUNK_CHARACTERS = 65_536;

/** Where an export goes. */
export interface ExportFile {
  readonly path: string;
  /** Whether it may take the place of a file that is there. */
  readonly mayReplace: boolean;
}

/**
 * Writes waiting states, each as a line of JSON: `{"applicationId","deviceId","time","data",...}`, the time as it would be
 * sent. A bar on standard error shows how far it is, where that is a terminal.
 * @param file where to; standard output when undefined
 * @param filters which of them; `since` and `until` go by their times
 * @returns states written
 * @throws Error when the file is there and may not be replaced, or cannot be written
 */
export async function exportWaiting(
  spool: WaitingStates,
  file: ExportFile | undefined,
  filters: Filters = {},
): Promise<number> {
  const target = file === undefined ? undefined : await openFile(file);
  const bar = startBar((await spool.status()).states);
  const states = filtered(await spool.records(), filters, ({ timeMs }) => timeMs);
  try {
    return await writeLines(mapped(states, stateLine), file, target, (written) => bar?.update(written));
  } finally {
    bar?.stop();
  }
}

/**
 * Writes dead letters as {@link exportWaiting} writes states, each with what is known of it under `deadLetter`, which an
 * import passes over.
 * @returns their numbers: they are on the disk when this resolves, if there is a file
 * @throws Error as {@link exportWaiting}
 */
export async function exportLetters(
  letters: Iterable<StoredDeadLetter>,
  file: ExportFile | undefined,
): Promise<number[]> {
  const target = file === undefined ? undefined : await openFile(file);
  const numbers: number[] = [];
  const toLine = (letter: StoredDeadLetter) => {
    numbers.push(letter.number);
    return letterLine(letter);
  };
  await writeLines(mapped(letters, toLine), file, target, () => {});
  return numbers;
}

/** Writes lines to standard output, no faster than they are read. */
export async function printLines(lines: Iterable<string>): Promise<void> {
  await writeLines(lines, undefined, undefined, () => {});
}

async function writeLines(
  lines: Iterable<string>,
  file: ExportFile | undefined,
  target: FileHandle | undefined,
  onChunk: (written: number) => void,
): Promise<number> {
  const written = { lines: 0 };
  const chunks = chunksOf(lines, written, onChunk);
  // Standard output is not for one part of the program to close.
  if (file === undefined || target === undefined) {
    await write(chunks, process.stdout);
    return written.lines;
  }
  try {
    await pipeline(chunks, target.createWriteStream({ flush: true }));
    await syncDirectory(dirname(file.path));
  } catch (error) {
    throw new Error(`${file.path} is not complete: ${(error as Error).message}`, { cause: error });
  }
  return written.lines;
}

async function write(chunks: Iterable<string>, stream: Writable): Promise<void> {
  for (const chunk of chunks) if (!stream.write(chunk)) await once(stream, 'drain');
}

async function openFile({ path, mayReplace }: ExportFile): Promise<FileHandle> {
  try {
    return await open(path, mayReplace ? 'w' : 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isThere = 'is there already; name another file, or give --force to replace it';
    throw new Error(`${path} ${code === 'EEXIST' ? isThere : `cannot be written (${code}); name another by --file`}`);
  }
}

/** The name of a new file is on the disk with its directory. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function* mapped<T>(items: Iterable<T>, toLine: (item: T) => string): Iterable<string> {
  for (const item of items) yield toLine(item);
}

function* chunksOf(
  lines: Iterable<string>,
  written: { lines: number },
  onChunk: (written: number) => void,
): Generator<string> {
  let chunk = '';
  for (const line of lines) {
    chunk += line;
    written.lines++;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = '';
    onChunk(written.lines);
  }
  if (chunk !== '') yield chunk;
  onChunk(written.lines);
}

function startBar(total: number): SingleBar | undefined {
  if (!process.stderr.isTTY || total === 0) return undefined;
  const bar = new SingleBar({ format: '{bar} {value}/{total} states', stream: process.stderr, hideCursor: true });
  bar.start(total, 0);
  return bar;
}
