import { crc32 } from 'node:zlib';
import {
  BLOCK_HEADER_BYTES,
  blockBytes,
  ENTRY_HEAD_BYTES,
  ENTRY_STEP_BYTES,
  type EntryHead,
  entryBytes,
  PAGE_BYTES,
  readBlockHeader,
  readEntryHead,
  seedOf,
} from './block-layout.js';

/** A block of which a header, a trailer or both were found. */
export interface FoundBlock {
  readonly position: number;
  /** Where it starts in its segment. */
  readonly start: number;
  readonly entriesBytes: number;
}

/** What {@link readEntries} tells of; places are those in the segment. */
export interface EntryVisitor {
  /** @param at where its head stands */
  entry(head: EntryHead, at: number): void;
  /** @param head of the entry, where that is whole and only the payload is not */
  damaged(at: number, bytes: number, head: EntryHead | undefined): void;
}

/**
 * Finds the blocks of a segment, in the order in which they stand there. Each page is looked at by itself, so that damage
 * hides nothing behind it.
 * @param bytes of the whole segment, in whole pages
 * @param counts whether a block of that position is looked for; the others are stale
 */
export function findBlocks(bytes: Buffer, segment: number, counts: (position: number) => boolean): FoundBlock[] {
  const blocks: FoundBlock[] = [];
  for (let page = 0; page < bytes.byteLength; ) {
    const header = readBlockHeader(bytes, page, segment);
    if (header !== undefined && counts(header.position)) {
      blocks.push({ ...header, start: page });
      page += blockBytes(header.entriesBytes);
      continue;
    }
    page += PAGE_BYTES;
    const trailer = readBlockHeader(bytes, page - BLOCK_HEADER_BYTES, segment);
    if (trailer !== undefined && counts(trailer.position)) {
      blocks.push({ ...trailer, start: Math.max(0, page - blockBytes(trailer.entriesBytes)) });
    }
  }
  return blocks;
}

/**
 * Whether a page of a block stands as it was before the block was written: zeros, or an older block's. Its write was cut
 * off then, so that nobody was told of it; what is damaged later looks otherwise.
 */
export function isCutOff(bytes: Buffer, segment: number, { position, start, entriesBytes }: FoundBlock): boolean {
  const end = Math.min(start + blockBytes(entriesBytes), bytes.byteLength);
  for (let page = start; page < end; page += PAGE_BYTES) {
    if (bytes.subarray(page, page + PAGE_BYTES).every((byte) => byte === 0)) return true;
    for (const at of [page, page + PAGE_BYTES - BLOCK_HEADER_BYTES]) {
      const header = readBlockHeader(bytes, at, segment);
      if (header !== undefined && header.position < position) return true;
    }
  }
  return false;
}

/** Goes through the entries of a block; what is damaged is passed over to the next head that is one of this block. */
export function readEntries(bytes: Buffer, { position, start, entriesBytes }: FoundBlock, visitor: EntryVisitor): void {
  const seed = seedOf(position);
  const end = start + BLOCK_HEADER_BYTES + entriesBytes;
  const lastHead = Math.min(end, bytes.byteLength) - ENTRY_HEAD_BYTES;
  for (let at = start + BLOCK_HEADER_BYTES; at < end; ) {
    const head = at > lastHead ? undefined : readEntryHead(bytes, at, seed);
    if (head === undefined) {
      const next = nextHead(bytes, at, lastHead, seed) ?? end;
      visitor.damaged(at, next - at, undefined);
      at = next;
      continue;
    }
    const payload = bytes.subarray(at + ENTRY_HEAD_BYTES, at + ENTRY_HEAD_BYTES + head.payloadBytes);
    const isWhole = payload.byteLength === head.payloadBytes && crc32(payload) === head.checksum;
    if (isWhole) visitor.entry(head, at);
    else visitor.damaged(at, entryBytes(head.payloadBytes), head);
    at += entryBytes(head.payloadBytes);
  }
}

function nextHead(bytes: Buffer, after: number, lastHead: number, seed: number): number | undefined {
  for (let at = after + ENTRY_STEP_BYTES; at <= lastHead; at += ENTRY_STEP_BYTES) {
    if (readEntryHead(bytes, at, seed) !== undefined) return at;
  }
  return undefined;
}
