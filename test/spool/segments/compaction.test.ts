import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Segment } from '../../../src/spool/segments/segment.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { LogSite, SITE_SEGMENT_BYTES } from './log-site.js';

let directory: string;
let site: LogSite;

beforeEach(async () => {
  directory = temporaryDirectory();
  site = await LogSite.open(directory);
  onTestFinished(() => site.kill());
});

function textOf(sequence: number): string {
  return `${sequence} `.padEnd(5_000, '.');
}

function segmentOf(sequence: number): Segment {
  return site.index.get(sequence)?.segment as Segment;
}

/** Begins so many segments, in each of which the first record stays and the others are settled. */
async function fillSparsely(segments: number): Promise<number[]> {
  const staying: number[] = [];
  const begun = new Set<Segment>();
  for (let sequence = 1; begun.size < segments; sequence++) {
    await site.append(sequence, textOf(sequence));
    const isFirst = !begun.has(segmentOf(sequence));
    begun.add(segmentOf(sequence));
    if (isFirst) staying.push(sequence);
    else await site.settle(sequence);
  }
  return staying;
}

function segmentsInUse(): number {
  return new Set([...site.index.keys()].map(segmentOf)).size;
}

describe('compaction', () => {
  it('moves what is live together when more than 8 segments hold little, and frees them', async () => {
    const staying = await fillSparsely(14);
    await expect.poll(segmentsInUse).toBeLessThanOrEqual(9);
    site.checkpoint();
    await expect.poll(() => site.bytesOnDisk).toBeLessThanOrEqual(19 * SITE_SEGMENT_BYTES);
    await site.kill();
    site = await LogSite.open(directory, site.durable);
    expect(site.waiting()).toEqual(staying.map((sequence) => ({ sequence, text: textOf(sequence) })));
    expect(site.damaged).toEqual([]);
  });

  it('leaves a few segments alone while there is room, and not when there is none', async () => {
    const staying = await fillSparsely(5);
    site.checkpoint();
    await new Promise(setImmediate);
    expect(segmentsInUse()).toBe(5);
    site.roomBytes = -1;
    const before = site.bytesOnDisk;
    // There is one spare that records may have; the rest of the room comes from the segments that hold little.
    for (let sequence = 1_000; site.index.size < 18; ) {
      if (site.log.takes(5_000)) await site.append(sequence, textOf(sequence++));
      else await new Promise(setImmediate);
    }
    for (const sequence of [...site.index.keys()]) if (sequence >= 1_000) await site.settle(sequence);
    expect([...site.index.keys()]).toEqual(staying);
    await expect.poll(() => site.bytesOnDisk).toBeLessThanOrEqual(before);
  });

  it('asks for the checkpoint that frees what it has emptied, though nothing else happens', async () => {
    await fillSparsely(5);
    site.checkpoint();
    site.roomBytes = -1;
    for (let sequence = 1_000; site.log.takes(5_000); sequence++) await site.append(sequence, textOf(sequence));
    const { manifest } = site.durable;
    await expect.poll(() => site.durable.manifest !== manifest).toBe(true);
  });

  it('does not bring back to life what is settled while it is moved', async () => {
    const staying = await fillSparsely(9);
    await new Promise(setImmediate);
    site.disk.isFree = false;
    // The tenth makes it worth while: the oldest are being written again.
    const more = fillSparsely(1).catch(() => {});
    await expect.poll(() => site.disk.held).toBeDefined();
    const settled = staying.map((sequence) => site.settle(sequence));
    site.disk.isFree = true;
    site.disk.finish();
    await Promise.all([...settled, more]);
    site.checkpoint();
    expect([...site.index.values()].every(({ segment }) => (segment?.liveRecords ?? 0) > 0)).toBe(true);
  });

  it('leaves what it cannot read where it is', async () => {
    const staying = await fillSparsely(8);
    const lost = staying[0] as number;
    const { fileName } = segmentOf(lost);
    writeFileSync(join(directory, 'journal', fileName), Buffer.alloc(SITE_SEGMENT_BYTES));
    for (let sequence = 1_000; sequence < 1_100; sequence++) {
      await site.append(sequence, textOf(sequence));
      if (sequence % 6 !== 0) await site.settle(sequence);
    }
    expect(segmentOf(lost).fileName).toBe(fileName);
    expect(segmentOf(lost).isStuck).toBe(true);
    expect(site.failures).toEqual([]);
  });
});
