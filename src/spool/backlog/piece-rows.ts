import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Device, ID_BYTES } from '../../core/device.js';
import { decodePieceRow } from '../lmdb/rows.js';
import { sequenceOfPieceKey } from '../lmdb/sealed-row.js';
import type { Rows } from '../lmdb/table.js';
import type { DamagedItem, UnreadableItems } from '../lmdb/unreadable-items.js';
import { BacklogDevices } from './backlog-devices.js';
import { type Extent, FreeSpace } from './free-space.js';
import { PIECE_FILE_NAME } from './piece-file.js';

/** What the rows of all pieces say at a start. */
export interface PieceRows {
  /**
   * The bytes of `pieces.dat` that must not be written to: those of the pieces, and those of what was set aside. The piece
   * of a row that cannot be read stands somewhere among the others: then all between them is kept.
   */
  readonly kept: readonly Extent[];
  readonly devices: BacklogDevices;
  /** The highest; 0 where there is none. */
  readonly lastSequence: number;
}

/** Reads the rows, once: there is one for each piece, and what reading leaves behind is memory that a start takes. */
export function readPieceRows(
  directory: string,
  backlog: Rows,
  unreadable: UnreadableItems,
  onDamaged: (row: DamagedItem) => void,
): PieceRows {
  const kept = [...unreadable.extents()];
  const damaged: { key: Buffer; value: Buffer }[] = [];
  const devices = new BacklogDevices();
  let lastSequence = 0;
  let device: Device | undefined;
  for (const { key, value } of backlog.getRange({})) {
    const row = decodePieceRow(key, value);
    const sequence = sequenceOfPieceKey(key);
    if (row === undefined) damaged.push({ key: Buffer.from(key), value });
    else kept.push({ offset: row.offset, byteLength: row.byteLength });
    if (row === undefined || sequence === undefined) continue;
    lastSequence = Math.max(lastSequence, sequence);
    // The rows of a device stand together.
    if (device === undefined || !isOf(device, key)) device = Device.fromBytes(key, 0);
    devices.add(device, sequence, row);
  }
  if (damaged.length === 0) return { kept, devices, lastSequence };
  const fileBytes = statSync(join(directory, PIECE_FILE_NAME), { throwIfNoEntry: false })?.size ?? 0;
  const extents = new FreeSpace(kept).gapsWithin(fileBytes);
  for (const row of damaged) onDamaged({ ...row, reason: 'its checksum does not match', extents });
  return { kept: [...kept, ...extents], devices, lastSequence };
}

function isOf({ idBytes }: Device, key: Buffer): boolean {
  return key.compare(idBytes, 0, 2 * ID_BYTES, 0, 2 * ID_BYTES) === 0;
}
