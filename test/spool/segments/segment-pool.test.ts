import { cpSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { LogSite, SITE_SEGMENT_BYTES } from './log-site.js';

const RECORD = 'x'.repeat(5_000);

let directory: string;
let site: LogSite;

beforeEach(async () => {
  directory = temporaryDirectory();
  site = await LogSite.open(directory);
  onTestFinished(() => site.kill());
});

function files(): string[] {
  return readdirSync(join(directory, 'journal'));
}

/** Appends records until one is refused; returns how many were taken, and why the last was not. */
async function fill(firstSequence: number): Promise<{ taken: number; error: unknown }> {
  for (let taken = 0; ; taken++) {
    try {
      await site.append(firstSequence + taken, RECORD);
    } catch (error) {
      return { taken, error };
    }
  }
}

describe('a disk without room', () => {
  beforeEach(() => {
    site.roomBytes = -1;
  });

  it('refuses records as such, which is no failure, and still takes settlements', async () => {
    const { taken, error } = await fill(1);
    expect(taken).toBeGreaterThanOrEqual(3);
    expect(error).toMatchObject({ code: 'ENOSPC' });
    expect(site.log.takes(RECORD.length)).toBe(false);
    expect(site.failures).toEqual([]);
    for (let sequence = 1; sequence <= taken; sequence++) await site.settle(sequence);
  });

  it('takes records again when what is stored was settled, without another file', async () => {
    const { taken } = await fill(1);
    const before = files();
    for (let round = 0; round < 5; round++) {
      for (const sequence of [...site.index.keys()]) await site.settle(sequence);
      await expect.poll(() => site.log.takes(RECORD.length)).toBe(true);
      expect((await fill(1_000 * (round + 1))).taken, `round ${round}`).toBeGreaterThanOrEqual(taken - 2);
    }
    expect(files()).toEqual(before);
  });

  it('refuses the records of a block and not the rows in it', async () => {
    await fill(1);
    const row = site.note(1, 'key', 'value');
    await expect(site.append(100, RECORD)).rejects.toMatchObject({ code: 'ENOSPC' });
    await row;
  });

  it('refuses what is larger than a segment, and goes on with what is not', async () => {
    expect(site.log.takes(3 * SITE_SEGMENT_BYTES)).toBe(false);
    await expect(site.append(1, 'y'.repeat(3 * SITE_SEGMENT_BYTES))).rejects.toMatchObject({ code: 'ENOSPC' });
    await site.append(2, RECORD);
  });

  it('gives back what it holds beyond two spares', async () => {
    site.roomBytes = Number.POSITIVE_INFINITY;
    for (let sequence = 1; sequence <= 40; sequence++) await site.append(sequence, RECORD);
    site.roomBytes = -1;
    for (let sequence = 1; sequence <= 40; sequence++) await site.settle(sequence);
    await expect.poll(() => files().length).toBeLessThanOrEqual(3);
    expect(site.bytesOnDisk).toBe(files().length * SITE_SEGMENT_BYTES);
  });

  it('makes segments again when there is room', async () => {
    const { taken } = await fill(1);
    site.roomBytes = Number.POSITIVE_INFINITY;
    expect(site.log.takes(RECORD.length)).toBe(true);
    await site.append(taken + 1, RECORD);
  });
});

describe('spares', () => {
  it('are ready before they are needed, and not made for nothing', async () => {
    expect(files()).toHaveLength(2);
    await site.append(1, RECORD);
    await expect.poll(() => files().length).toBe(3);
    for (let sequence = 2; sequence < 100; sequence++) {
      await site.append(sequence, RECORD);
      await site.settle(sequence - 1);
    }
    expect(files().length).toBeLessThanOrEqual(4);
  });

  it('are kept, but not more than 8', async () => {
    for (let sequence = 1; sequence <= 100; sequence++) await site.append(sequence, RECORD);
    for (let sequence = 1; sequence <= 100; sequence++) await site.settle(sequence);
    site.checkpoint();
    await expect.poll(() => files().length).toBeLessThanOrEqual(9);
  });

  it('are used when the name of their directory is gone, and what cannot be made is told of', async () => {
    await site.append(1, RECORD);
    renameSync(join(directory, 'journal'), join(directory, 'moved'));
    const { taken, error } = await fill(2);
    expect(taken).toBeGreaterThanOrEqual(3);
    // One that was being made is missed by its name.
    const isGone = expect.objectContaining({ code: expect.stringMatching(/^(?:MOVED|ENOENT)$/) });
    expect(error).toEqual(isGone);
    expect(site.failures[0]).toEqual(isGone);
    // Settlements go on, as the files stay open.
    for (let sequence = 1; sequence <= taken; sequence++) await site.settle(sequence);
    for (let number = 0; number < 40; number++) await site.note(1, `key ${number}`, 'value');
    renameSync(join(directory, 'moved'), join(directory, 'journal'));
    await site.clock.advance(1_000);
    await site.log.recover();
    expect(site.log.takes(RECORD.length)).toBe(true);
    await site.append(taken + 2, RECORD);
  });

  it('are neither made nor deleted in another directory that was put in the place of theirs', async () => {
    for (let sequence = 1; sequence <= 30; sequence++) await site.append(sequence, RECORD);
    site.roomBytes = -1;
    await expect.poll(() => files().some((name) => name.endsWith('.new'))).toBe(false);
    renameSync(join(directory, 'journal'), join(directory, 'moved'));
    cpSync(join(directory, 'moved'), join(directory, 'journal'), { recursive: true });
    const contents = () => files().map((name) => `${name} ${crc32(readFileSync(join(directory, 'journal', name)))}`);
    const before = contents();
    site.roomBytes = Number.POSITIVE_INFINITY;
    for (let sequence = 1; sequence <= 30; sequence++) await site.settle(sequence);
    site.checkpoint();
    await fill(100);
    await site.kill();
    expect(contents()).toEqual(before);
  });

  it('that were never finished, or listed, are removed at the next opening', async () => {
    await site.kill();
    writeFileSync(join(directory, 'journal', '000077.seg.new'), 'half');
    writeFileSync(join(directory, 'journal', '000078.seg'), Buffer.alloc(SITE_SEGMENT_BYTES));
    site = await LogSite.open(directory, site.durable);
    expect(files()).not.toContain('000077.seg.new');
    expect(files()).not.toContain('000078.seg');
    expect(site.damaged).toEqual([]);
  });

  it('of another length than segments have now are replaced', async () => {
    await site.append(1, RECORD);
    await site.kill();
    site = await LogSite.open(directory, site.durable, { segmentBytes: 2 * SITE_SEGMENT_BYTES });
    site.checkpoint();
    for (let sequence = 2; sequence < 20; sequence++) await site.append(sequence, RECORD);
    await site.settle(1);
    site.checkpoint();
    await expect.poll(() => site.bytesOnDisk % (2 * SITE_SEGMENT_BYTES)).toBe(0);
    await site.kill();
    site = await LogSite.open(directory, site.durable);
    expect([site.damaged, site.waiting().length]).toEqual([[], 18]);
  });
});

describe('a checkpoint', () => {
  it('makes room out of the segment that is written, where there are but two', async () => {
    site.roomBytes = -1;
    const { taken } = await fill(1);
    for (let sequence = 2; sequence <= taken; sequence++) await site.settle(sequence);
    for (let sequence = 100; sequence < 200; sequence++) {
      await expect.poll(() => site.log.takes(RECORD.length)).toBe(true);
      await site.append(sequence, RECORD);
      await site.settle(sequence);
    }
    expect([...site.index.keys()]).toEqual([1]);
    expect(files()).toHaveLength(2);
  });

  it('that fails frees nothing, and refuses who waited for it', async () => {
    site.isServed = false;
    site.roomBytes = -1;
    await fill(1).catch(() => {});
    for (const sequence of [...site.index.keys()]) await site.settle(sequence);
    site.beginCheckpoint();
    const waiting = site.append(1_000, RECORD);
    await new Promise(setImmediate);
    site.failCheckpoint();
    await expect(waiting).rejects.toThrow('checkpoint');
    site.isServed = true;
    site.checkpoint();
    await expect.poll(() => site.log.takes(RECORD.length)).toBe(true);
    await site.append(1_001, RECORD);
  });

  it('is not begun while one is under way', () => {
    site.beginCheckpoint();
    expect(() => site.log.checkpoint()).toThrow('under way');
    site.commitCheckpoint();
  });

  it('is asked for once', async () => {
    site.isServed = false;
    let asked = 0;
    await site.kill();
    site = await LogSite.open(directory, site.durable, { onShort: () => asked++ });
    for (let sequence = 1; sequence <= 4; sequence++) await site.append(sequence, RECORD);
    await expect.poll(() => asked).toBe(1);
    for (const sequence of [1, 2, 3]) await site.settle(sequence);
    const waiting = site.append(5, RECORD);
    await expect.poll(() => files().length).toBe(3);
    expect(asked).toBe(1);
    site.checkpoint();
    await waiting;
  });

  it('frees what is written now too, when nothing in it is live', async () => {
    await site.append(1, RECORD);
    await site.settle(1);
    site.checkpoint();
    await site.kill();
    site = await LogSite.open(directory, site.durable);
    expect([...site.recovered.records]).toEqual([]);
  });
});
