import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { JOURNAL_DIRECTORY } from '../../src/spool/journal/open-log.js';
import { META, RedoRows } from '../../src/spool/journal/redo-rows.js';
import { decodeWatermarkRow, readManifest, removeManifest } from '../../src/spool/lmdb/rows.js';
import { sealRow } from '../../src/spool/lmdb/sealed-row.js';
import type { MetaRows, Rows } from '../../src/spool/lmdb/table.js';
import { readSegments } from '../../src/spool/segments/segment-log.js';
import { journalKey, oldJournalOf, withRawLmdb } from '../spool/raw-lmdb.js';

/** What a data directory holds. */
export interface OldSpool {
  readonly records: number;
  readonly recordBytes: number;
  readonly watermarks: number;
  readonly pieces: number;
  readonly deadLetters: number;
}

/**
 * Makes the data directory of a proxy that was killed what version 0.1 would have left: its journal a database, and its
 * rows those of format 1 or 2. All else was as it is.
 */
export async function leaveOldFormat(directory: string, format: 1 | 2): Promise<OldSpool> {
  return await withRawLmdb(directory, async ({ root, meta, watermarks, backlog, deadLetters }) => {
    const { manifest } = readManifest(meta as unknown as MetaRows);
    const { records, rows } = readSegments(join(directory, JOURNAL_DIRECTORY), manifest);
    const redo = new RedoRows(rows, watermarks as unknown as Rows);
    const journal = oldJournalOf(root);
    const written: Promise<unknown>[] = [];
    let recordBytes = 0;
    for (const { sequence, bytes } of records) {
      written.push(journal.put(journalKey(sequence), Buffer.from(bytes)));
      recordBytes += bytes.byteLength;
    }
    for (const [id, { table, value }] of redo.first(Number.POSITIVE_INFINITY)) {
      if (table === META) written.push(meta.put(id, JSON.parse(value.toString())));
    }
    for (const { key, value } of [...redo.watermarks(watermarks as unknown as Rows)]) {
      written.push(watermarks.put(key, oldWatermarkRow(key, value, format)));
    }
    written.push(removeManifest(meta as unknown as MetaRows), meta.put('format', format));
    if (format === 1) for (const name of ['boot', 'timebases']) written.push(meta.remove(name));
    await Promise.all(written);
    rmSync(join(directory, JOURNAL_DIRECTORY), { recursive: true });
    return {
      records: journal.getCount(),
      recordBytes,
      watermarks: watermarks.getCount(),
      pieces: backlog.getCount(),
      deadLetters: deadLetters.getCount(),
    };
  });
}

/** What a data directory that no proxy has open says of its format. */
export function formatOf(directory: string): Promise<unknown> {
  return withRawLmdb(directory, ({ meta }) => meta.get('format'));
}

/** `rows.ts` has the layouts. */
function oldWatermarkRow(key: Buffer, value: Buffer, format: 1 | 2): Buffer {
  const row = decodeWatermarkRow(key, value);
  if (row === undefined) throw new Error('a watermark cannot be read');
  const payload = Buffer.alloc(format === 1 ? 24 : 32);
  payload.writeDoubleLE(row.watermark.sequence, 0);
  payload.writeDoubleLE(format === 1 ? Date.now() : row.sends.untilMs, 8);
  payload.writeUInt32LE(row.watermark.states, 16);
  payload.writeUInt32LE(row.sends.count, 20);
  if (format === 2) {
    payload.writeUInt32LE(row.sends.windowMs, 24);
    payload.writeUInt32LE(row.bootTag, 28);
  }
  return sealRow(key, payload);
}
