import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Rows } from './environment.js';
import { type Extent, FreeSpace } from './free-space.js';
import { PIECE_FILE_NAME } from './piece-file.js';
import { decodePieceRow } from './piece-row.js';
import type { UnreadableItems } from './unreadable-items.js';

/** A row that cannot be read, and the bytes of `pieces.dat` of which some may be its piece. */
export interface DamagedPieceRow {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly reason: string;
  readonly extents: readonly Extent[];
}

/**
 * The bytes of `pieces.dat` that must not be written to: those of the pieces, and those of what was set aside. The piece
 * of a row that cannot be read stands somewhere among the others: then all between them is kept.
 */
export function keptExtents(
  directory: string,
  backlog: Rows,
  unreadable: UnreadableItems,
  onDamaged: (row: DamagedPieceRow) => void,
): Extent[] {
  const kept = [...unreadable.extents()];
  const damaged: { key: Buffer; value: Buffer }[] = [];
  for (const { key, value } of backlog.getRange({})) {
    const row = decodePieceRow(key, value);
    if (row === undefined) damaged.push({ key: Buffer.from(key), value });
    else kept.push({ offset: row.offset, byteLength: row.byteLength });
  }
  if (damaged.length === 0) return kept;
  const fileBytes = statSync(join(directory, PIECE_FILE_NAME), { throwIfNoEntry: false })?.size ?? 0;
  const extents = new FreeSpace(kept).gapsWithin(fileBytes);
  for (const row of damaged) onDamaged({ ...row, reason: 'its checksum does not match', extents });
  return [...kept, ...extents];
}
