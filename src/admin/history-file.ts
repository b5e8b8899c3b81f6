import { closeSync, constants, fstatSync, openSync, readSync, renameSync, write, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** A row each five minutes, for a week: 126 KiB. */
export const STEP_MS = 5 * 60_000;
export const MOST_ROWS = 7 * 24 * 12;

/** "SWH" and the version of the layout. */
const MAGIC = 0x01485753;
const ROW_BYTES = 64;
const FILE_BYTES = MOST_ROWS * ROW_BYTES;

/** Five minutes of a proxy. */
export interface HistoryRow {
  /** Number of these five minutes: wall-clock milliseconds by {@link STEP_MS}, whole. */
  readonly step: number;
  /** The most that waited in them. */
  readonly states: number;
  readonly bytes: number;
  readonly received: number;
  readonly forwarded: number;
  readonly refused: number;
  /** Looks at the proxy, and those of them at which the cloud was up. */
  readonly looks: number;
  readonly looksUp: number;
  /** At their end. */
  readonly deadLetters: number;
}

/**
 * The rows of a week in a file of one length, each in the place of its time, so that a new one takes that of a week ago.
 *
 * ```
 * row   64 bytes, little-endian
 *         0 u32 magic and version
 *         4 u32 CRC-32 of all that follows
 *         8 f64 step, 16 f64 states, 24 f64 bytes, 32 f64 received, 40 f64 forwarded, 48 f64 refused
 *        56 u16 looks, 58 u16 looks at which the cloud was up
 *        60 u32 dead letters
 * ```
 *
 * It is of use and no more: whatever the disk does, nothing is thrown. A row that is torn is left out; a file that holds
 * something else is set aside under `<name>.aside`. The room is taken when the file is made.
 */
export class HistoryFile {
  readonly #descriptor: number;
  /** That there were when it was opened. */
  readonly rows: readonly HistoryRow[];
  #isWriting = false;
  #isClosed = false;
  #onWritten: () => void = () => {};

  private constructor(descriptor: number, rows: readonly HistoryRow[]) {
    this.#descriptor = descriptor;
    this.rows = rows;
  }

  /** @returns undefined where there can be no such file now */
  static open(path: string): HistoryFile | undefined {
    const opened = tryOpen(path) ?? (setAside(path) ? tryOpen(path) : undefined);
    return opened && new HistoryFile(opened.descriptor, opened.rows);
  }

  /** Writes a row, unless another is still on its way: the next one says the same and more. */
  put(row: HistoryRow): void {
    if (this.#isWriting || this.#isClosed) return;
    this.#isWriting = true;
    write(this.#descriptor, encode(row), 0, ROW_BYTES, placeOf(row), () => {
      this.#isWriting = false;
      this.#onWritten();
    });
  }

  /** Writes the last row, and closes. */
  close(row: HistoryRow): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Closed under a write, its number could be that of another file by then.
    if (this.#isWriting) this.#onWritten = () => this.#end(row);
    else this.#end(row);
  }

  #end(row: HistoryRow): void {
    try {
      writeSync(this.#descriptor, encode(row), 0, ROW_BYTES, placeOf(row));
    } catch {
      // Of these five minutes less is known then.
    }
    closeQuietly(this.#descriptor);
  }
}

interface Opened {
  readonly descriptor: number;
  readonly rows: readonly HistoryRow[];
}

function tryOpen(path: string): Opened | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const rows = readRows(descriptor);
    if (rows !== undefined) return { descriptor, rows };
  } catch {
    // Not a file, not ours, or no room for it.
  }
  if (descriptor !== undefined) closeQuietly(descriptor);
  return undefined;
}

/** @returns undefined for a file that holds something else @throws Error of `node:fs` */
function readRows(descriptor: number): HistoryRow[] | undefined {
  const { size } = fstatSync(descriptor);
  if (size === 0) {
    writeSync(descriptor, Buffer.alloc(FILE_BYTES), 0, FILE_BYTES, 0);
    return [];
  }
  if (size !== FILE_BYTES) return undefined;
  const bytes = Buffer.alloc(FILE_BYTES);
  if (readSync(descriptor, bytes, 0, FILE_BYTES, 0) !== FILE_BYTES) return undefined;
  const rows: HistoryRow[] = [];
  let torn = 0;
  for (let at = 0; at < FILE_BYTES; at += ROW_BYTES) {
    const row = bytes.subarray(at, at + ROW_BYTES);
    const decoded = decode(row);
    if (decoded !== undefined) rows.push(decoded);
    else if (row.some((byte) => byte !== 0)) torn++;
  }
  return rows.length === 0 && torn > 1 ? undefined : rows;
}

/** @returns whether there is nothing of that name any more */
function setAside(path: string): boolean {
  try {
    renameSync(path, `${path}.aside`);
    return true;
  } catch {
    return false;
  }
}

function closeQuietly(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch {
    // Closed already.
  }
}

function placeOf({ step }: HistoryRow): number {
  return (step % MOST_ROWS) * ROW_BYTES;
}

function encode({ step, states, bytes, received, forwarded, refused, ...rest }: HistoryRow): Buffer {
  const row = Buffer.alloc(ROW_BYTES);
  row.writeUInt32LE(MAGIC, 0);
  for (const [index, value] of [step, states, bytes, received, forwarded, refused].entries()) {
    row.writeDoubleLE(value, 8 + 8 * index);
  }
  row.writeUInt16LE(Math.min(0xffff, rest.looks), 56);
  row.writeUInt16LE(Math.min(0xffff, rest.looksUp), 58);
  row.writeUInt32LE(Math.min(0xffffffff, rest.deadLetters), 60);
  row.writeUInt32LE(crc32(row.subarray(8)), 4);
  return row;
}

function decode(row: Buffer): HistoryRow | undefined {
  if (row.readUInt32LE(0) !== MAGIC || row.readUInt32LE(4) !== crc32(row.subarray(8))) return undefined;
  const value = (index: number) => row.readDoubleLE(8 + 8 * index);
  return {
    step: value(0),
    states: value(1),
    bytes: value(2),
    received: value(3),
    forwarded: value(4),
    refused: value(5),
    looks: row.readUInt16LE(56),
    looksUp: row.readUInt16LE(58),
    deadLetters: row.readUInt32LE(60),
  };
}
