import { openRow, sealRow } from '../lmdb/sealed-row.js';

/** A segment as a checkpoint found it. */
export interface SegmentState {
  readonly id: number;
  /** Length of its file. */
  readonly bytes: number;
  /** Positions of the first and last of its blocks that count; 0 when none does. */
  readonly first: number;
  readonly last: number;
  /** How many between them are in it. */
  readonly blocks: number;
  /** Those between them that do not count, though they may be in it. */
  readonly voided: readonly number[];
}

/**
 * Which files the journal has and what in them counts, as a checkpoint writes it down. A block counts if its position is
 * above the manifest's, or if the manifest has it in the range of its segment. All others are stale: of an earlier use of
 * the file. That it needs no more than this: positions rise for ever, a segment is used again only after a manifest
 * without its blocks is on disk, and a file is used for the first time only after a manifest that lists it is.
 */
export interface Manifest {
  /** Of the last block on disk. */
  readonly position: number;
  readonly segments: readonly SegmentState[];
}

/** What a checkpoint has to write. One of the two is to be called when that is over. */
export interface Checkpoint {
  readonly manifest: Manifest;
  /** It is on disk. */
  committed(): void;
  /** It is not. */
  failed(): void;
}

/** Whether a block of that position, found in the file of `segment`, is one of those that were counted in it. */
export function isCounted({ first, last, voided }: SegmentState, position: number): boolean {
  return position >= first && position <= last && !voided.includes(position);
}

const HEADER_BYTES = 8 + 4;
const SEGMENT_BYTES = 4 + 4 + 8 + 8 + 4 + 4;
const VOIDED_BYTES = 8;
/** The checksum is over no key. */
const NO_KEY = new Uint8Array(0);

/**
 * Little-endian:
 *
 * ```
 *  0 f64 position
 *  8 u32 segments
 * 12     for each of them: u32 id, u32 bytes, f64 first, f64 last, u32 blocks, u32 voided; then f64 for each voided
 *    u32 checksum
 * ```
 */
export function encodeManifest({ position, segments }: Manifest): Buffer {
  const voided = segments.reduce((sum, segment) => sum + segment.voided.length, 0);
  const payload = Buffer.alloc(HEADER_BYTES + segments.length * SEGMENT_BYTES + voided * VOIDED_BYTES);
  payload.writeDoubleLE(position, 0);
  payload.writeUInt32LE(segments.length, 8);
  let at = HEADER_BYTES;
  for (const segment of segments) {
    at = payload.writeUInt32LE(segment.id, at);
    at = payload.writeUInt32LE(segment.bytes, at);
    at = payload.writeDoubleLE(segment.first, at);
    at = payload.writeDoubleLE(segment.last, at);
    at = payload.writeUInt32LE(segment.blocks, at);
    at = payload.writeUInt32LE(segment.voided.length, at);
    for (const void_ of segment.voided) at = payload.writeDoubleLE(void_, at);
  }
  return sealRow(NO_KEY, payload);
}

/** Reads what {@link encodeManifest} wrote; undefined when it is damaged. */
export function decodeManifest(bytes: Uint8Array): Manifest | undefined {
  const payload = openRow(NO_KEY, bytes);
  if (payload === undefined || payload.byteLength < HEADER_BYTES) return undefined;
  const count = payload.readUInt32LE(8);
  const segments: SegmentState[] = [];
  let at = HEADER_BYTES;
  for (let segment = 0; segment < count; segment++) {
    const voidedAt = at + SEGMENT_BYTES;
    const voidedCount = payload.readUInt32LE(at + 28);
    segments.push({
      id: payload.readUInt32LE(at),
      bytes: payload.readUInt32LE(at + 4),
      first: payload.readDoubleLE(at + 8),
      last: payload.readDoubleLE(at + 16),
      blocks: payload.readUInt32LE(at + 24),
      voided: Array.from({ length: voidedCount }, (_, index) => payload.readDoubleLE(voidedAt + index * VOIDED_BYTES)),
    });
    at = voidedAt + voidedCount * VOIDED_BYTES;
  }
  return { position: payload.readDoubleLE(0), segments };
}
