/**
 * What stands in a segment of the journal: blocks, one behind the other, each begun at a multiple of a page and as many
 * whole pages as it needs. A block is what was committed by one write; no page is written twice while it counts, so that
 * a write that is torn harms nothing before it. Little-endian:
 *
 * ```
 * header    24 bytes
 *             0 u32 magic and version
 *             4 u32 segment        whose file this is
 *             8 f64 position       number of the block; rises by one over all blocks of all segments and all runs
 *            16 u32 entriesBytes   of all entries together
 *            20 u32 checksum       CRC-32 of the 20 bytes before
 * entries   one behind the other, each a multiple of 8 bytes
 * zeros
 * trailer   24 bytes               the header once more, at the end of the last page
 * ```
 *
 * Header and trailer never share a sector of 512 bytes: one that is lost does not hide a block. What an earlier use of the
 * segment has left is told by its position (`manifest.ts`).
 *
 * ```
 * entry     24 bytes, the payload, and zeros up to a multiple of 8
 *             0 u8  kind
 *             1 u8  table          of a row
 *             2 u16 zero
 *             4 u32 payloadBytes
 *             8 f64 number         sequence of a record; bytes of the key of a row; position that a void is about
 *            16 u32 checksum       CRC-32 of the payload
 *            20 u32 headChecksum   CRC-32 of the block's position and the 20 bytes before
 * ```
 *
 * So an entry is known for one of its block even where what stands before it is damaged.
 */
import { crc32 } from 'node:zlib';

/** Unit of blocks: what file systems and disks write at the least, and lose at the most. */
export const PAGE_BYTES = 4096;
export const BLOCK_HEADER_BYTES = 24;
export const ENTRY_HEAD_BYTES = 24;
/** What an entry's place and length are multiples of, so that a record read back is aligned as its view needs it. */
export const ENTRY_STEP_BYTES = 8;

/** "SWB" and the version of the layout. */
const BLOCK_MAGIC = 0x01425753;
const AT_SEGMENT = 4;
const AT_POSITION = 8;
const AT_ENTRIES_BYTES = 16;
const AT_CHECKSUM = 20;
const ENTRY_AT_TABLE = 1;
const ENTRY_AT_PAYLOAD_BYTES = 4;
const ENTRY_AT_NUMBER = 8;
const ENTRY_AT_CHECKSUM = 16;
const ENTRY_AT_HEAD_CHECKSUM = 20;

/** What an entry is: states of devices; a row that LMDB gets later; a block that does not count though it may be there. */
export const EntryKind = { record: 1, row: 2, void: 3 } as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

/** An entry to be written. */
export interface EntryContents {
  readonly kind: EntryKind;
  readonly table: number;
  readonly number: number;
  /** The payload is both, one behind the other. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** CRC-32 of the payload where it is known: then the bytes are not read once more. */
  readonly checksum?: number | undefined;
}

/** What the header of a block says. */
export interface BlockHeader {
  readonly position: number;
  readonly entriesBytes: number;
}

/** What the head of an entry says. */
export interface EntryHead {
  readonly kind: EntryKind;
  readonly table: number;
  readonly number: number;
  readonly payloadBytes: number;
  readonly checksum: number;
}

/** Bytes of an entry with a payload of so many. */
export function entryBytes(payloadBytes: number): number {
  return ENTRY_HEAD_BYTES + Math.ceil(payloadBytes / ENTRY_STEP_BYTES) * ENTRY_STEP_BYTES;
}

/** Bytes, whole pages, of a block with so many bytes of entries. */
export function blockBytes(entriesBytes: number): number {
  return Math.ceil((2 * BLOCK_HEADER_BYTES + entriesBytes) / PAGE_BYTES) * PAGE_BYTES;
}

/**
 * Writes a block to the start of `memory`, which must have room for it.
 * @returns its bytes
 */
export function writeBlock(
  memory: Buffer,
  segment: number,
  position: number,
  entries: readonly EntryContents[],
): number {
  const seed = seedOf(position);
  let end = BLOCK_HEADER_BYTES;
  for (const entry of entries) end = writeEntry(memory, end, seed, entry);
  const bytes = blockBytes(end - BLOCK_HEADER_BYTES);
  memory.writeUInt32LE(BLOCK_MAGIC, 0);
  memory.writeUInt32LE(segment, AT_SEGMENT);
  memory.writeDoubleLE(position, AT_POSITION);
  memory.writeUInt32LE(end - BLOCK_HEADER_BYTES, AT_ENTRIES_BYTES);
  memory.writeUInt32LE(crc32(memory.subarray(0, AT_CHECKSUM)), AT_CHECKSUM);
  memory.fill(0, end, bytes - BLOCK_HEADER_BYTES);
  memory.copyWithin(bytes - BLOCK_HEADER_BYTES, 0, BLOCK_HEADER_BYTES);
  return bytes;
}

function writeEntry(memory: Buffer, at: number, seed: number, entry: EntryContents): number {
  const { kind, table, number, key, value } = entry;
  const payload = at + ENTRY_HEAD_BYTES;
  const payloadEnd = payload + key.byteLength + value.byteLength;
  const end = at + entryBytes(payloadEnd - payload);
  memory.set(key, payload);
  memory.set(value, payload + key.byteLength);
  memory.fill(0, payloadEnd, end);
  memory.writeUInt32LE(kind, at);
  memory.writeUInt8(table, at + ENTRY_AT_TABLE);
  memory.writeUInt32LE(payloadEnd - payload, at + ENTRY_AT_PAYLOAD_BYTES);
  memory.writeDoubleLE(number, at + ENTRY_AT_NUMBER);
  memory.writeUInt32LE(entry.checksum ?? crc32(memory.subarray(payload, payloadEnd)), at + ENTRY_AT_CHECKSUM);
  const checksum = crc32(memory.subarray(at, at + ENTRY_AT_HEAD_CHECKSUM), seed);
  memory.writeUInt32LE(checksum, at + ENTRY_AT_HEAD_CHECKSUM);
  return end;
}

/** Reads the header or trailer at `at`; undefined when none of that segment stands there. */
export function readBlockHeader(bytes: Buffer, at: number, segment: number): BlockHeader | undefined {
  if (bytes.readUInt32LE(at) !== BLOCK_MAGIC || bytes.readUInt32LE(at + AT_SEGMENT) !== segment) return undefined;
  const checksum = crc32(bytes.subarray(at, at + AT_CHECKSUM));
  if (checksum !== bytes.readUInt32LE(at + AT_CHECKSUM)) return undefined;
  return { position: bytes.readDoubleLE(at + AT_POSITION), entriesBytes: bytes.readUInt32LE(at + AT_ENTRIES_BYTES) };
}

/**
 * Reads the head of an entry at `at`; undefined when none of the block stands there.
 * @param seed {@link seedOf} the block's position
 */
export function readEntryHead(bytes: Buffer, at: number, seed: number): EntryHead | undefined {
  const kind = bytes.readUInt8(at);
  if (kind !== EntryKind.record && kind !== EntryKind.row && kind !== EntryKind.void) return undefined;
  const checksum = crc32(bytes.subarray(at, at + ENTRY_AT_HEAD_CHECKSUM), seed);
  if (checksum !== bytes.readUInt32LE(at + ENTRY_AT_HEAD_CHECKSUM)) return undefined;
  return {
    kind,
    table: bytes.readUInt8(at + ENTRY_AT_TABLE),
    number: bytes.readDoubleLE(at + ENTRY_AT_NUMBER),
    payloadBytes: bytes.readUInt32LE(at + ENTRY_AT_PAYLOAD_BYTES),
    checksum: bytes.readUInt32LE(at + ENTRY_AT_CHECKSUM),
  };
}

const positionBytes = Buffer.alloc(8);

/** What the checksums of the heads of a block's entries begin with. */
export function seedOf(position: number): number {
  positionBytes.writeDoubleLE(position);
  return crc32(positionBytes);
}
