import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { RecordView } from '../../state/record-layout.js';
import { isForRoom, SpoolOpenError } from '../disk/disk-fault.js';
import { type Change, changeOf } from '../lmdb/commit-writer.js';
import { FORMAT, oldJournalOf } from '../lmdb/environment.js';
import { FORMAT_KEY } from '../lmdb/numbering.js';
import { removeManifest } from '../lmdb/rows.js';
import { sequenceOfJournalKey } from '../lmdb/sealed-row.js';
import type { Rows } from '../lmdb/table.js';
import { type DamagedItem, type OnUnreadable, UnreadableItems } from '../lmdb/unreadable-items.js';
import type { SegmentLog } from '../segments/segment-log.js';
import { Checkpoints } from './checkpoints.js';
import { JOURNAL_DIRECTORY, type LogParts, openLog } from './open-log.js';
import { RedoRows } from './redo-rows.js';

/** Records that are written together. */
const BYTES_AT_ONCE = 1024 * 1024;
const NOT_SET_ASIDE =
  'what cannot be read in its spool of an earlier format could not be set aside; it was left as it is';

export interface CarryOverParts
  extends Pick<LogParts, 'directory' | 'clock' | 'segmentBytes' | 'environment' | 'disk'> {
  readonly onUnreadable?: OnUnreadable;
}

/**
 * Makes a spool of format 1 or 2 one of this format: its journal, which was a database, becomes one of segments. It is one
 * with the transaction that empties the database; an attempt that was cut short before begins anew.
 * @throws SpoolOpenError when the disk has no room for the journal a second time
 */
export async function carryOver(parts: CarryOverParts): Promise<void> {
  const { directory, disk, environment, onUnreadable } = parts;
  const { meta, watermarks } = environment;
  const old = oldJournalOf(environment);
  if (old === undefined) return;
  const commit = (changes: readonly Change[]) => disk.writer.commit(changes, true);
  const unreadable = new UnreadableItems({
    database: environment.unreadable,
    onUnreadable,
    commit: (change) => commit([change]),
  });
  await commit([changeOf(() => [removeManifest(meta)])]);
  rmSync(join(directory, JOURNAL_DIRECTORY), { recursive: true, force: true });
  const log = openLog({ ...parts, unreadable, placeOf: () => undefined, onShort: () => checkpoints.request() });
  const redo = new RedoRows([], watermarks);
  const checkpoints = new Checkpoints({ environment, log, redo, floors: () => changeOf(() => []), commit });
  try {
    await log.prepare();
    await checkpoints.make();
    await copy(old, log, unreadable.from('record', old));
    // What follows empties the database: whatever of it cannot be read has to be elsewhere by then.
    if (!(await unreadable.moved())) throw new SpoolOpenError(`${directory}: ${NOT_SET_ASIDE}`);
    await checkpoints.make();
    const keys = [...old.getKeys({})];
    await commit([changeOf(() => [...keys.map((key) => old.remove(key)), meta.put(FORMAT_KEY, FORMAT)])]);
  } catch (error) {
    if (!isForRoom(error) && (error as { code?: unknown }).code !== 'STATEWAY_SPOOL_FULL') throw error;
    const what = `${directory} holds a spool of an earlier format, and the disk has no room to carry it over`;
    throw new SpoolOpenError(`${what}: its journal of ${bytesOf(old)} bytes is needed twice for a moment`);
  } finally {
    await log.close();
    await checkpoints.ended();
  }
}

/** The records of a journal of format 1 or 2, in order. */
export function* readOldJournal(
  old: Rows,
  onDamaged: (item: DamagedItem) => void,
): Iterable<{ sequence: number; bytes: Uint8Array }> {
  // By key, each read by itself: whoever asks may take long.
  for (const key of [...old.getKeys({})]) {
    old.resetReadTxn();
    const value = old.get(key);
    if (value === undefined) continue;
    const sequence = sequenceOfJournalKey(key);
    const opened = sequence === undefined ? 'its key is damaged' : RecordView.open(value);
    if (typeof opened === 'string') onDamaged({ key, value, reason: opened });
    else yield { sequence: sequence as number, bytes: opened.bytes };
  }
}

async function copy(old: Rows, log: SegmentLog, onDamaged: (item: DamagedItem) => void): Promise<void> {
  let together: Promise<void>[] = [];
  let bytesTogether = 0;
  for (const { sequence, bytes } of readOldJournal(old, onDamaged)) {
    together.push(log.append(sequence, bytes, { bytes: bytes.byteLength, segment: undefined }));
    bytesTogether += bytes.byteLength;
    if (bytesTogether < BYTES_AT_ONCE) continue;
    await Promise.all(together);
    together = [];
    bytesTogether = 0;
  }
  await Promise.all(together);
}

function bytesOf(old: Rows): number {
  let bytes = 0;
  for (const { value } of old.getRange({})) bytes += value.byteLength;
  return bytes;
}
