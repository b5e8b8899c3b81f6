import { closeSync, copyFileSync, existsSync, openSync, readdirSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { PAGE_BYTES } from '../../../src/spool/segments/block-layout.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { LogSite, SITE_SEGMENT_BYTES } from './log-site.js';

let directory: string;
let site: LogSite;

beforeEach(async () => {
  directory = temporaryDirectory();
  site = await LogSite.open(directory);
  onTestFinished(() => site.kill());
});

function fileOf(sequence: number): string {
  return join(directory, 'journal', site.index.get(sequence)?.segment?.fileName as string);
}

/** Overwrites pages of a file with zeros. */
function losePages(file: string, firstPage: number, pages = 1): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(pages * PAGE_BYTES), 0, pages * PAGE_BYTES, firstPage * PAGE_BYTES);
  closeSync(descriptor);
}

function flipByte(file: string, at: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.from('!'), 0, 1, at);
  closeSync(descriptor);
}

async function reopen(): Promise<void> {
  await site.kill();
  site = await LogSite.open(directory, site.durable);
}

function reports(): string[] {
  return site.damaged.map(({ name, reason }) => `${name}: ${reason}`);
}

function sequences(): number[] {
  return site.waiting().map(({ sequence }) => sequence);
}

describe('reading back', () => {
  it('is in order of sequences, wherever the records stand, each once', async () => {
    for (const sequence of [5, 3, 9, 1, 3]) await site.append(sequence, `${sequence}`);
    await reopen();
    expect(sequences()).toEqual([1, 3, 5, 9]);
    expect([...site.index.values()].reduce((sum, { segment }) => sum + (segment === undefined ? 0 : 1), 0)).toBe(4);
  });

  it('can be done again and again, and is forgotten when it is over', async () => {
    await site.append(1, 'one');
    await reopen();
    const { records } = site.recovered;
    expect([[...records], [...records]].map((read) => read.map(({ sequence }) => sequence))).toEqual([[1], [1]]);
    expect(() => site.log.recovered).toThrow('forgotten');
  });

  it('gives copies that stand at a multiple of 8 and stay as they are', async () => {
    for (let sequence = 1; sequence < 60; sequence++) await site.append(sequence, `${sequence} `.padEnd(sequence * 37));
    await reopen();
    const records = [...site.recovered.records];
    expect(records.every(({ bytes }) => bytes.byteOffset % 8 === 0)).toBe(true);
    expect(records.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(
      records.map(({ sequence }) => `${sequence} `.padEnd(sequence * 37)),
    );
  });

  it('goes on after the positions that were used, whatever became of their blocks', async () => {
    await site.append(1, 'one');
    await site.append(2, 'two');
    const before = site.log.durablePosition;
    await reopen();
    await site.append(3, 'three');
    expect(site.log.durablePosition).toBe(before + 1);
    await site.kill();
    site = await LogSite.open(directory, { manifest: undefined, rows: new Map() }, { positionAtLeast: 1_000 });
    await site.append(4, 'four');
    expect(site.log.durablePosition).toBe(1_001);
  });

  it('counts all there is where no manifest can be read', async () => {
    for (let sequence = 1; sequence <= 30; sequence++) {
      await site.append(sequence, 'x'.repeat(3_000));
      if (sequence % 3 !== 0) await site.settle(sequence);
    }
    const open = [...site.index.keys()];
    await site.kill();
    site = await LogSite.open(directory, { manifest: undefined, rows: site.durable.rows });
    expect(sequences()).toEqual(expect.arrayContaining(open));
    expect(reports()).toEqual([]);
  });

  it('knows a block for one of its own file', async () => {
    for (let sequence = 1; sequence <= 8; sequence++) await site.append(sequence, 'x'.repeat(5_000));
    const [first, second] = [fileOf(1), fileOf(8)];
    expect(first).not.toBe(second);
    site.checkpoint();
    copyFileSync(first, second);
    await reopen();
    expect(sequences()).toEqual([1, 2, 3, 4]);
    expect(reports().join()).toContain('of the blocks of the journal cannot be found');
  });
});

describe('damage', () => {
  it('of a whole block is reported, whether it is from before the last checkpoint or from after it', async () => {
    for (let sequence = 1; sequence <= 8; sequence++) await site.append(sequence, `${sequence}`);
    site.checkpoint();
    for (let sequence = 9; sequence <= 11; sequence++) await site.append(sequence, `${sequence}`);
    for (const page of [3, 7]) losePages(fileOf(1), page);
    losePages(fileOf(10), 1);
    await reopen();
    expect(sequences()).toEqual([1, 2, 3, 5, 6, 7, 9, 11]);
    const missing = reports().map((report) => Number(/: (\d+) of the blocks of the journal/.exec(report)?.[1]));
    expect(missing.reduce((sum, blocks) => sum + blocks, 0)).toBe(3);
    expect(reports()[0]).toContain('000001.seg, blocks 1 to 8: 2 of the blocks of the journal cannot be found');
  });

  it('of a record names it and gives what stands there, and says where the write may have been cut off', async () => {
    await site.append(1, 'x'.repeat(9_000));
    await site.append(2, 'y'.repeat(9_000));
    losePages(fileOf(1), 1);
    flipByte(fileOf(1), 4 * PAGE_BYTES);
    await reopen();
    expect(sequences()).toEqual([]);
    expect(site.damaged.map(({ reason }) => reason)).toEqual([
      'the checksum of record 1 of the journal does not match',
      expect.stringContaining('record 2 of the journal does not match; if its write was cut off'),
    ]);
    expect(site.damaged.map(({ isCutOff }) => isCutOff)).toEqual([false, false]);
    expect(site.damaged[0]?.bytes.includes('x'.repeat(1_000))).toBe(true);
    expect(site.damaged[0]?.name).toMatch(/^\d{6}\.seg, block 1, byte 24$/);
  });

  it.each<[string, (sector: number) => boolean]>([
    ['its first page', (sector) => sector < 8],
    ['all but its first page', (sector) => sector >= 8],
    ['all but its middle', (sector) => sector < 8 || sector >= 16],
  ])('is none where of the last write only %s has come to the disk', async (_what, isWritten) => {
    for (const isUsedBefore of [false, true]) {
      // Settled at once, so that segments go round: then it is written over older blocks, and over zeros otherwise.
      for (let sequence = 100; isUsedBefore && sequence < 150; sequence++) {
        await site.append(sequence, `${sequence}`);
        await site.settle(sequence);
      }
      await site.append(1, 'x');
      site.disk.isFree = false;
      const refused = site.append(2, 'y'.repeat(9_000)).catch(() => {});
      await new Promise(setImmediate);
      await site.kill(isWritten);
      await refused;
      site = await LogSite.open(directory, site.durable);
      expect(sequences()).toContain(1);
      expect(sequences()).not.toContain(2);
      expect(site.damaged.map(({ isCutOff }) => isCutOff)).toEqual([true]);
      expect(reports()[0]).toContain('the last write was cut off; nobody was answered for what was in it');
    }
  });

  it('is what was once known to be on the disk, however it looks', async () => {
    await site.append(1, 'x'.repeat(9_000));
    site.checkpoint();
    losePages(fileOf(1), 1);
    await reopen();
    expect(site.damaged.map(({ isCutOff }) => isCutOff)).toEqual([false]);
  });

  it('keeps its file until there is a copy of it', async () => {
    await site.append(1, 'x'.repeat(9_000));
    await site.append(2, 'two');
    const file = fileOf(1);
    flipByte(file, PAGE_BYTES);
    await site.kill();
    site = await LogSite.open(directory, site.durable, { isCopied: false });
    await site.settle(2);
    site.checkpoint();
    await reopen();
    expect(reports()).toHaveLength(1);
    site.checkpoint();
    await expect.poll(() => existsSync(file)).toBe(false);
  });

  it('of a row that is in LMDB is none', async () => {
    await Promise.all([site.append(1, 'one'), site.note(1, 'key', 'z'.repeat(5_000))]);
    site.checkpoint();
    losePages(fileOf(1), 1);
    await reopen();
    expect(sequences()).toEqual([1]);
    expect(reports()).toEqual([]);
  });

  it('of a copy is none while there is another', async () => {
    await site.append(1, 'x'.repeat(9_000));
    await site.append(1, 'x'.repeat(9_000));
    losePages(fileOf(1), 1);
    await reopen();
    expect(sequences()).toEqual([1]);
    expect(reports()).toEqual([]);
  });

  it('by a file that ends too soon is reported, and the file is not used again', async () => {
    await site.append(1, 'one');
    await site.append(2, 'two');
    const file = fileOf(1);
    truncateSync(file, PAGE_BYTES + 10);
    await reopen();
    expect(sequences()).toEqual([1]);
    expect(reports()[0]).toContain(`a file of the journal has ${PAGE_BYTES + 10} bytes and not ${SITE_SEGMENT_BYTES}`);
    await site.settle(1);
    site.checkpoint();
    await expect.poll(() => existsSync(file)).toBe(false);
  });

  it('is found by a later reading too, and reported there', async () => {
    await site.append(1, 'one');
    await site.append(2, 'two');
    await reopen();
    losePages(fileOf(1), 0);
    expect([...site.recovered.records].map(({ sequence }) => sequence)).toEqual([2]);
    expect(reports()).toEqual([expect.stringContaining('could be read at first')]);
  });

  it('does not keep the log from being written to', async () => {
    await site.append(1, 'one');
    for (const name of readdirSync(join(directory, 'journal'))) truncateSync(join(directory, 'journal', name), 0);
    await reopen();
    expect(reports().length).toBeGreaterThanOrEqual(2);
    await site.append(2, 'two');
    await reopen();
    expect(sequences()).toEqual([2]);
  });
});
