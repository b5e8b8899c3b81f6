/**
 * An entry of a ledger; little-endian.
 *
 * ```
 *  0 u32 magic and layout
 *  4 u32 checksum         CRC-32 of all that follows this field
 *  8 u8  kind
 *  9 f64 term             rises by one with each claim
 * 17 f64 counter          of the entries of a term, which the claim begins: no two of an owner are the same
 * 25 f64 cursor           of the records of the partition: all before it are settled
 * 33 16 bytes owner       of one process
 * 49 body                 layout 1: as it is (`changes.ts`); layout 2: deflated, where the kind has {@link DEFLATED}
 * ```
 *
 * Replicas of two versions run beside each other while they are replaced: each reads both layouts, and writes the older one
 * until no replica of the older version is left (`Members`).
 */

import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

/** What an entry does to the partition. */
export type EntryKind = 'claim' | 'settle' | 'snapshot' | 'release';

export interface LedgerEntry {
  readonly kind: EntryKind;
  readonly term: number;
  readonly counter: number;
  readonly cursor: number;
  /** Whose it is: 32 hex digits, others after each start of a process. */
  readonly owner: string;
  /** See `changes.ts`; empty where nothing changed. */
  readonly body: Uint8Array;
}

/** Layouts that are read. */
export const OLDEST_LAYOUT = 1;
export const NEWEST_LAYOUT = 2;

/** "SWL"; the layout is the highest byte. */
const MAGIC = 0x4c5753;
const LAYOUT_UNIT = 0x1000000;
const KINDS: readonly EntryKind[] = ['claim', 'settle', 'snapshot', 'release'];
/** Added to the kind. */
const DEFLATED = 0x80;
/** A shorter body would not get shorter by as much as it takes to find out. */
const DEFLATE_FROM_BYTES = 512;
const DEFLATE_LEVEL = 1;
/** Far above what a partition can have: a damaged length must not take the memory of the process. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

const AT_CHECKSUM = 4;
const AT_KIND = 8;
const AT_TERM = 9;
const AT_COUNTER = 17;
const AT_CURSOR = 25;
const AT_OWNER = 33;
const OWNER_BYTES = 16;
const AT_BODY = AT_OWNER + OWNER_BYTES;

/** @param layout from {@link OLDEST_LAYOUT} to {@link NEWEST_LAYOUT} */
export function encodeEntry(entry: LedgerEntry, layout: number): Buffer {
  const isDeflated = layout > OLDEST_LAYOUT && entry.body.byteLength >= DEFLATE_FROM_BYTES;
  const body = isDeflated ? deflateRawSync(entry.body, { level: DEFLATE_LEVEL }) : entry.body;
  const bytes = Buffer.allocUnsafe(AT_BODY + body.byteLength);
  bytes.writeUInt32LE(MAGIC + layout * LAYOUT_UNIT, 0);
  bytes.writeUInt8(KINDS.indexOf(entry.kind) + (isDeflated ? DEFLATED : 0), AT_KIND);
  bytes.writeDoubleLE(entry.term, AT_TERM);
  bytes.writeDoubleLE(entry.counter, AT_COUNTER);
  bytes.writeDoubleLE(entry.cursor, AT_CURSOR);
  bytes.write(entry.owner, AT_OWNER, OWNER_BYTES, 'hex');
  bytes.set(body, AT_BODY);
  bytes.writeUInt32LE(crc32(bytes.subarray(AT_KIND)), AT_CHECKSUM);
  return bytes;
}

/** @returns what is wrong with it instead, in words for a log, when it is torn, altered or of another version */
export function decodeEntry(payload: Uint8Array): LedgerEntry | string {
  if (payload.byteLength < AT_BODY) return `${payload.byteLength} bytes are too few for an entry`;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const mark = bytes.readUInt32LE(0);
  const layout = Math.floor(mark / LAYOUT_UNIT);
  if (mark % LAYOUT_UNIT !== MAGIC) return 'it is no entry of a ledger';
  if (layout < OLDEST_LAYOUT || layout > NEWEST_LAYOUT)
    return `its layout is ${layout}; ${OLDEST_LAYOUT} to ${NEWEST_LAYOUT} can be read`;
  if (crc32(bytes.subarray(AT_KIND)) !== bytes.readUInt32LE(AT_CHECKSUM)) return 'its checksum does not match';
  const mode = bytes.readUInt8(AT_KIND);
  const kind = KINDS[mode % DEFLATED];
  if (kind === undefined) return `its kind is ${mode}`;
  const body = bytes.subarray(AT_BODY);
  return {
    kind,
    term: bytes.readDoubleLE(AT_TERM),
    counter: bytes.readDoubleLE(AT_COUNTER),
    cursor: bytes.readDoubleLE(AT_CURSOR),
    owner: bytes.toString('hex', AT_OWNER, AT_BODY),
    body: mode < DEFLATED ? body : inflateRawSync(body, { maxOutputLength: MAX_BODY_BYTES }),
  };
}

/** Whether both are one entry, written once. */
export function isSame(one: LedgerEntry, other: LedgerEntry): boolean {
  return one.owner === other.owner && one.term === other.term && one.counter === other.counter;
}
