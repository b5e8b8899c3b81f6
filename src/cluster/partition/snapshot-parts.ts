import { type Changes, NO_CHANGES } from '../ledger/changes.js';

/** Rows of devices or of pieces in one part: 400 KB at most, of the 1 MiB that a message may have. */
const ROWS = 4_000;

/** All that is known of a partition, in parts that are entries. */
export function partsOf(all: Omit<Changes, 'part' | 'sinceSnapshotMs'>): Changes[] {
  const { devices, pieces, writers, letters, lifted } = all;
  const of = Math.max(1, Math.ceil(Math.max(devices.length, pieces.length, lifted.length) / ROWS));
  return Array.from({ length: of }, (_, i) => {
    const [start, end] = [i * ROWS, (i + 1) * ROWS];
    return {
      ...NO_CHANGES,
      part: { number: i + 1, of },
      devices: devices.slice(start, end),
      pieces: pieces.slice(start, end),
      lifted: lifted.slice(start, end),
      ...(i === 0 ? { writers, letters } : {}),
    };
  });
}
