import type { Extent } from './free-space.js';
import { openRow, sealRow } from './sealed-row.js';

/**
 * What the database `backlog` keeps of a piece: where it stands and what it holds, so that a start reads rows and no
 * piece.
 *
 * ```
 *  0 f64 offset              in pieces.dat
 *  8 f64 oldestStoredAtMs
 * 16 u32 byteLength
 * 20 u32 states
 * 24 u32 settledStates       of them, at its start
 * 28 u32 pieceChecksum       that of the record, which binds the row to it
 * 32 u32 checksum            over key and row
 * ```
 */
export interface PieceRow extends Extent {
  readonly oldestStoredAtMs: number;
  readonly states: number;
  readonly settledStates: number;
  readonly pieceChecksum: number;
}

const PAYLOAD_BYTES = 32;

/** Writes a row; little-endian. */
export function encodePieceRow(key: Uint8Array, row: PieceRow): Buffer {
  const payload = Buffer.allocUnsafe(PAYLOAD_BYTES);
  payload.writeDoubleLE(row.offset, 0);
  payload.writeDoubleLE(row.oldestStoredAtMs, 8);
  payload.writeUInt32LE(row.byteLength, 16);
  payload.writeUInt32LE(row.states, 20);
  payload.writeUInt32LE(row.settledStates, 24);
  payload.writeUInt32LE(row.pieceChecksum, 28);
  return sealRow(key, payload);
}

/** Reads a row; undefined when it is not one that was written for `key`. */
export function decodePieceRow(key: Uint8Array, row: Uint8Array): PieceRow | undefined {
  const payload = openRow(key, row);
  if (payload?.byteLength !== PAYLOAD_BYTES) return undefined;
  return {
    offset: payload.readDoubleLE(0),
    oldestStoredAtMs: payload.readDoubleLE(8),
    byteLength: payload.readUInt32LE(16),
    states: payload.readUInt32LE(20),
    settledStates: payload.readUInt32LE(24),
    pieceChecksum: payload.readUInt32LE(28),
  };
}
