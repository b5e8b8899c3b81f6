import type { Device } from '../core/device.js';
import { RECORD_HEADER_BYTES, type RecordChunk, recordHead, recordOffsets, recordTable } from './record-layout.js';

/**
 * Whose states stand in a record that fails its checksum, as far as its head or its table of chunks can be read. Neither has a
 * checksum of its own: a row of the table counts where a neighbour bears it out, as it begins where the row before ends, ends where
 * the next one begins, or has as many states as are between the two. An id that is itself altered is not found out.
 * @param bytes from the record's header on, as many as there are
 * @returns each device once; none where it cannot be told
 */
export function devicesOfDamaged(bytes: Uint8Array): readonly Device[] {
  if (bytes.byteLength < RECORD_HEADER_BYTES) return [];
  const { chunkCount, stateCount, fragmentsOffset } = recordHead(bytes);
  const isHeadWhole = chunkCount > 0 && fragmentsOffset === recordOffsets(chunkCount, stateCount).fragments;
  const rows = isHeadWhole
    ? borneOut([...recordTable(bytes, chunkCount)], stateCount)
    : unbroken(recordTable(bytes, Number.POSITIVE_INFINITY));
  return [...new Map(rows.map(({ device }) => [device.key, device])).values()];
}

/** Of a table that is known to be one, the rows that agree with their neighbours. */
function borneOut(rows: readonly RecordChunk[], stateCount: number): RecordChunk[] {
  return rows.filter((row, at) => {
    const before = at === 0 ? 0 : endOf(rows[at - 1]);
    const behind = rows[at + 1]?.firstState ?? stateCount;
    const fits = row.firstState === before || endOf(row) === behind || before + row.stateCount === behind;
    return row.stateCount > 0 && fits;
  });
}

/** Without a head nothing says where the table ends but that its rows no longer follow one another. */
function unbroken(rows: Iterable<RecordChunk>): RecordChunk[] {
  const read: RecordChunk[] = [];
  for (const row of rows) {
    if (row.stateCount === 0 || row.firstState !== endOf(read.at(-1))) break;
    read.push(row);
  }
  return read;
}

function endOf(row: RecordChunk | undefined): number {
  return row === undefined ? 0 : row.firstState + row.stateCount;
}
