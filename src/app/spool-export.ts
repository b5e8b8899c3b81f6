import { open } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SingleBar } from 'cli-progress';
import type { Device } from '../core/device.js';
import type { SpoolStatus } from '../core/ports.js';
import { timeJson } from '../state/time.js';

/** What is exported from. */
export interface WaitingStates {
  status(): Promise<SpoolStatus>;
  /** Every waiting state, a device's own in order. */
  records(): Promise<Iterable<WaitingRecord>>;
}

interface WaitingRecord {
  readonly device: Device;
  readonly timeMs: number;
  readonly fragment: Uint8Array;
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
 * Writes every waiting state as a line of JSON: `{"applicationId","deviceId","time","data",...}`, the time as it would be
 * sent. A bar on standard error shows how far it is, where that is a terminal.
 * @param file where to; standard output when undefined
 * @returns states written
 * @throws Error when the file is there and may not be replaced, or cannot be written
 */
export async function exportWaiting(spool: WaitingStates, file: ExportFile | undefined): Promise<number> {
  const target = file === undefined ? undefined : await openFile(file);
  const bar = startBar((await spool.status()).states);
  const written = { states: 0 };
  const chunks = chunksOf(await spool.records(), written, () => bar?.update(written.states));
  try {
    // Standard output is not for one part of the program to close.
    await (target === undefined ? pipeline(chunks, process.stdout, { end: false }) : pipeline(chunks, target));
  } catch (error) {
    if (file === undefined) throw error;
    throw new Error(`spool export: ${file.path} is not complete: ${(error as Error).message}`, { cause: error });
  } finally {
    bar?.stop();
  }
  return written.states;
}

async function openFile({ path, mayReplace }: ExportFile): Promise<Writable> {
  try {
    return (await open(path, mayReplace ? 'w' : 'wx', 0o600)).createWriteStream();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'is there already; name another file, or give --force to replace it' : message;
    throw new Error(`spool export: ${path} ${why}`);
  }
}

function* chunksOf(
  records: Iterable<WaitingRecord>,
  written: { states: number },
  onChunk: () => void,
): Generator<string> {
  let lines = '';
  for (const { device, timeMs, fragment } of records) {
    const ids = `{"applicationId":"${device.applicationId}","deviceId":"${device.deviceId}"`;
    lines += `${ids},"time":${timeJson(timeMs)},${Buffer.from(fragment).toString('utf8')}\n`;
    written.states++;
    if (lines.length < CHUNK_CHARACTERS) continue;
    yield lines;
    lines = '';
    onChunk();
  }
  if (lines !== '') yield lines;
  onChunk();
}

function startBar(total: number): SingleBar | undefined {
  if (!process.stderr.isTTY || total === 0) return undefined;
  const bar = new SingleBar({ format: '{bar} {value}/{total} states', stream: process.stderr, hideCursor: true });
  bar.start(total, 0);
  return bar;
}
