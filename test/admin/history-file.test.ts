import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HistoryFile, type HistoryRow, MOST_ROWS } from '../../src/admin/history-file.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const FIRST_STEP = 5_900_000;
const ROW_BYTES = 64;

function row(step: number, changes: Partial<HistoryRow> = {}): HistoryRow {
  const counts = { received: 900, forwarded: 800, refused: 7, looks: 30, looksUp: 29, deadLetters: 3 };
  return { step, states: 12, bytes: 345, ...counts, ...changes };
}

function newPath(): string {
  return join(temporaryDirectory(), 'history.dat');
}

/** What a file holds that is opened anew; rising. */
function rowsIn(path: string): readonly HistoryRow[] {
  const file = HistoryFile.open(path);
  const rows = [...(file?.rows ?? [])].sort((a, b) => a.step - b.step);
  file?.close(rows.at(-1) ?? row(FIRST_STEP));
  return rows;
}

describe('the file of a week', () => {
  it('has its whole length from the start, is nobody else’s to read, and gives rows back', () => {
    const path = newPath();
    const file = HistoryFile.open(path);
    expect(file?.rows).toEqual([]);
    expect([statSync(path).size, statSync(path).mode & 0o777]).toEqual([MOST_ROWS * ROW_BYTES, 0o600]);
    const large = row(FIRST_STEP, { states: 2 ** 40, looks: 100_000, deadLetters: 2 ** 33 });
    file?.close(large);
    expect(rowsIn(path)).toEqual([{ ...large, looks: 0xffff, deadLetters: 0xffffffff }]);
  });

  it('keeps a row for each five minutes of a week, and then begins anew', async () => {
    const path = newPath();
    const file = HistoryFile.open(path) as HistoryFile;
    for (let step = FIRST_STEP; step < FIRST_STEP + 3; step++) {
      const isThere = () => {
        file.put(row(step));
        return readFileSync(path).includes(encodedStep(step));
      };
      await expect.poll(isThere).toBe(true);
    }
    file.close(row(FIRST_STEP + MOST_ROWS));
    await expect
      .poll(() => rowsIn(path).map(({ step }) => step))
      .toEqual([FIRST_STEP + 1, FIRST_STEP + 2, FIRST_STEP + MOST_ROWS]);
    expect(statSync(path).size).toBe(MOST_ROWS * ROW_BYTES);
  });

  it('leaves out a row that is torn, and keeps the others', () => {
    const path = newPath();
    HistoryFile.open(path)?.close(row(FIRST_STEP));
    HistoryFile.open(path)?.close(row(FIRST_STEP + 1));
    const bytes = readFileSync(path);
    const at = (FIRST_STEP % MOST_ROWS) * ROW_BYTES;
    bytes[at + 20] = (bytes[at + 20] as number) ^ 1;
    writeFileSync(path, bytes);
    expect(rowsIn(path).map(({ step }) => step)).toEqual([FIRST_STEP + 1]);
  });

  it.each([
    ['that is cut short', (path: string) => truncateSync(path, 1_000)],
    ['of something else', (path: string) => writeFileSync(path, 'x'.repeat(MOST_ROWS * ROW_BYTES))],
    ['that is longer', (path: string) => writeFileSync(path, Buffer.alloc(MOST_ROWS * ROW_BYTES + 1))],
  ])('sets a file aside %s, and begins anew', (_what, spoil) => {
    const path = newPath();
    HistoryFile.open(path)?.close(row(FIRST_STEP));
    spoil(path);
    const spoilt = readFileSync(path);
    expect(rowsIn(path)).toEqual([]);
    expect(readFileSync(`${path}.aside`).equals(spoilt)).toBe(true);
    expect(statSync(path).size).toBe(MOST_ROWS * ROW_BYTES);
  });

  it('is done without where there can be none', () => {
    const directory = temporaryDirectory();
    expect(HistoryFile.open(join(directory, 'missing', 'history.dat'))).toBeUndefined();
    const path = join(directory, 'history.dat');
    mkdirSync(path);
    // What is no file is set aside too.
    expect(HistoryFile.open(path)?.rows).toEqual([]);
    mkdirSync(join(directory, 'other.dat', 'sub'), { recursive: true });
    mkdirSync(join(directory, 'other.dat.aside', 'sub'), { recursive: true });
    expect(HistoryFile.open(join(directory, 'other.dat'))).toBeUndefined();
  });

  it('throws nothing when the disk takes no row', () => {
    const file = HistoryFile.open(newPath()) as HistoryFile;
    file.close(row(FIRST_STEP));
    expect(() => {
      file.put(row(FIRST_STEP + 1));
      file.close(row(FIRST_STEP + 2));
    }).not.toThrow();
  });
});

function encodedStep(step: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(step);
  return bytes;
}
