import type * as fs from 'node:fs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { PIECE_FILE_NAME, PieceFile } from '../../../src/spool/backlog/piece-file.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';

type Done = (error: Error | null) => void;

/** Syncs that were asked for and are not over, in order. */
let syncs: Done[] = [];

vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  return { ...original, fdatasync: vi.fn((_descriptor: number, done: Done) => void syncs.push(done)) };
});

const IO_ERROR = new Error('EIO: i/o error, fdatasync');

let directory: string;
let file: PieceFile;

beforeEach(() => {
  syncs = [];
  directory = temporaryDirectory();
  file = PieceFile.open(directory, []);
  onTestFinished(() => file.close());
});

/** Ends the first sync under way, once there is one. */
async function endSync(error: Error | null = null): Promise<void> {
  await expect.poll(() => syncs.length).toBeGreaterThan(0);
  (syncs.shift() as Done)(error);
}

it('takes a piece when a sync that began after it was written has succeeded', async () => {
  const first = file.write(Buffer.from('first'));
  await endSync();
  expect(file.read(await first)).toEqual(new Uint8Array(Buffer.from('first')));
});

it('takes no piece that was written before a sync failed: the next says yes and has written nothing', async () => {
  const first = file.write(Buffer.from('first'));
  await expect.poll(() => syncs.length).toBe(1);
  // Written while the first is synced: by then the kernel may have tried its pages, and given them up.
  const second = file.write(Buffer.from('second'));
  const outcomes = Promise.allSettled([first, second]);
  await expect.poll(() => readFileSync(join(directory, PIECE_FILE_NAME), 'latin1')).toContain('second');
  await endSync(IO_ERROR);
  await endSync();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const third = file.write(Buffer.from('third'));
  await endSync();
  expect(file.read(await third)).toEqual(new Uint8Array(Buffer.from('third')));
});

it('proves itself by a sync', async () => {
  const failed = expect(file.prove()).rejects.toThrow(IO_ERROR);
  await endSync(IO_ERROR);
  await failed;
  const proved = file.prove();
  await endSync();
  await proved;
});
