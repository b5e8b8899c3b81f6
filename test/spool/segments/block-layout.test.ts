import { describe, expect, it } from 'vitest';
import {
  BLOCK_HEADER_BYTES,
  blockBytes,
  type EntryContents,
  EntryKind,
  entryBytes,
  PAGE_BYTES,
  readBlockHeader,
  readEntryHead,
  seedOf,
  writeBlock,
} from '../../../src/spool/segments/block-layout.js';
import { findBlocks, readEntries } from '../../../src/spool/segments/find-blocks.js';

function record(sequence: number, text: string): EntryContents {
  return { kind: EntryKind.record, table: 0, number: sequence, key: Buffer.alloc(0), value: Buffer.from(text) };
}

function row(table: number, key: string, value: string): EntryContents {
  return { kind: EntryKind.row, table, number: key.length, key: Buffer.from(key), value: Buffer.from(value) };
}

/** A segment with blocks of those entries, one behind the other. */
function segmentOf(
  id: number,
  firstPosition: number,
  blocks: readonly (readonly EntryContents[])[],
  pages = 8,
): Buffer {
  const segment = Buffer.alloc(pages * PAGE_BYTES);
  let at = 0;
  for (const [index, entries] of blocks.entries())
    at += writeBlock(segment.subarray(at), id, firstPosition + index, entries);
  return segment;
}

/** What is read of a segment: entries as text, and what is damaged. */
function read(
  segment: Buffer,
  id = 1,
): { entries: string[]; damaged: { at: number; bytes: number; number: number | undefined }[] } {
  const entries: string[] = [];
  const damaged: { at: number; bytes: number; number: number | undefined }[] = [];
  for (const block of findBlocks(segment, id, () => true)) {
    readEntries(segment, block, {
      entry: ({ kind, number, payloadBytes }, at) => {
        entries.push(`${kind} ${number} ${segment.subarray(at + 24, at + 24 + payloadBytes)}`);
      },
      damaged: (at, bytes, head) => damaged.push({ at, bytes, number: head?.number }),
    });
  }
  return { entries, damaged };
}

describe('a block', () => {
  it('is whole pages, begins and ends with its header, and gives its entries back', () => {
    const segment = segmentOf(1, 7, [[record(1, 'one'), row(3, 'key', 'value')], [record(2, 'x'.repeat(5_000))]]);
    expect(findBlocks(segment, 1, () => true)).toEqual([
      { position: 7, start: 0, entriesBytes: entryBytes(3) + entryBytes(8) },
      { position: 8, start: PAGE_BYTES, entriesBytes: entryBytes(5_000) },
    ]);
    expect(readBlockHeader(segment, PAGE_BYTES - BLOCK_HEADER_BYTES, 1)).toEqual(readBlockHeader(segment, 0, 1));
    expect(read(segment)).toEqual({ entries: ['1 1 one', '2 3 keyvalue', `1 2 ${'x'.repeat(5_000)}`], damaged: [] });
  });

  it('leaves nothing of what was in memory before in what is no entry', () => {
    const memory = Buffer.alloc(PAGE_BYTES, 0xff);
    writeBlock(memory, 1, 1, [record(1, 'one')]);
    const end = BLOCK_HEADER_BYTES + entryBytes(3);
    expect(memory.subarray(end - 5, PAGE_BYTES - BLOCK_HEADER_BYTES).every((byte) => byte === 0)).toBe(true);
  });

  it('is of one segment and one position', () => {
    const segment = segmentOf(1, 7, [[record(1, 'one')]]);
    expect(readBlockHeader(segment, 0, 2)).toBeUndefined();
    expect(readEntryHead(segment, BLOCK_HEADER_BYTES, seedOf(8))).toBeUndefined();
    expect(readEntryHead(segment, BLOCK_HEADER_BYTES, seedOf(7))?.number).toBe(1);
  });

  it('takes no more pages than it needs, and never has both headers in one sector', () => {
    expect(blockBytes(0)).toBe(PAGE_BYTES);
    expect(blockBytes(PAGE_BYTES - 2 * BLOCK_HEADER_BYTES)).toBe(PAGE_BYTES);
    expect(blockBytes(PAGE_BYTES - 2 * BLOCK_HEADER_BYTES + 8)).toBe(2 * PAGE_BYTES);
  });

  it('is found by either header, and whatever one flipped bit of it hits, all but that entry is read', () => {
    const texts = ['one', 'two', 'three'];
    const entries = texts.map((text, index) => record(index + 1, text));
    const whole = segmentOf(1, 7, [entries, [record(4, 'next')]]);
    const all = ['1 1 one', '1 2 two', '1 3 three', '1 4 next'];
    const isZero = (byte: number) => byte >= 200 && byte < PAGE_BYTES - BLOCK_HEADER_BYTES;
    for (let bit = 0; bit < PAGE_BYTES * 8; bit++) {
      if (isZero(bit >> 3)) continue;
      const segment = Buffer.from(whole);
      segment[bit >> 3] = (segment[bit >> 3] as number) ^ (1 << (bit & 7));
      const { entries: found, damaged } = read(segment);
      const missing = all.filter((entry) => !found.includes(entry));
      expect(
        found.every((entry) => all.includes(entry)),
        `bit ${bit}`,
      ).toBe(true);
      expect(missing.length, `bit ${bit}`).toBe(damaged.length);
      expect(missing.length, `bit ${bit}`).toBeLessThanOrEqual(1);
    }
  });

  it('is found though any of its sectors is lost, and what was in that is damaged', () => {
    const texts = Array.from({ length: 30 }, (_, index) => `text ${index} `.repeat(10));
    const whole = segmentOf(1, 7, [texts.map((text, index) => record(index + 1, text))], 2);
    const { entries: all } = read(whole);
    for (let sector = 0; sector < 8; sector++) {
      const segment = Buffer.from(whole);
      segment.fill(0, sector * 512, (sector + 1) * 512);
      const { entries, damaged } = read(segment);
      expect(entries.every((entry) => all.includes(entry))).toBe(true);
      expect(damaged.length > 0, `sector ${sector}`).toBe(entries.length < all.length);
    }
  });

  it('that an earlier use of the segment has left is passed over by its position', () => {
    const segment = segmentOf(1, 7, [[record(1, 'old')], [record(2, 'older')], [record(3, 'oldest')]]);
    writeBlock(segment, 1, 20, [record(9, 'new')]);
    expect(findBlocks(segment, 1, (position) => position >= 20).map(({ position }) => position)).toEqual([20]);
  });

  it('is not looked for inside another one', () => {
    const inner = segmentOf(1, 30, [[record(5, 'forged')]], 1);
    // The payload of the record begins with its own page after that of the header.
    const padding = Buffer.alloc(PAGE_BYTES - BLOCK_HEADER_BYTES - entryBytes(0));
    const forged: EntryContents = { ...record(4, ''), value: Buffer.concat([padding, inner]) };
    const segment = segmentOf(1, 7, [[forged]]);
    expect(findBlocks(segment, 1, () => true).map(({ position }) => position)).toEqual([7]);
  });
});
