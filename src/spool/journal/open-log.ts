import { join } from 'node:path';
import type { Clock } from '../../core/time/clock.js';
import type { SpoolDisk } from '../disk/spool-disk.js';
import type { Environment } from '../lmdb/environment.js';
import { decodeWatermarkRow, readManifest } from '../lmdb/rows.js';
import type { Rows } from '../lmdb/table.js';
import type { UnreadableItems } from '../lmdb/unreadable-items.js';
import type { Manifest } from '../segments/manifest.js';
import { SegmentLog, type SegmentLogOptions } from '../segments/segment-log.js';

/** Of the data directory: where the segments of the journal are. */
export const JOURNAL_DIRECTORY = 'journal';

const MEBIBYTE = 1024 * 1024;
/** Of a segment: so many states that a checkpoint for each shows in no figure. */
const SEGMENT_BYTES = 4 * MEBIBYTE;
/** On a disk with less room than so many segments, they are shorter: some are always empty. */
const ROOMY_BYTES = 16 * SEGMENT_BYTES;
const SHORT_SEGMENT_BYTES = MEBIBYTE;

export interface LogParts extends Pick<SegmentLogOptions, 'onShort' | 'placeOf'> {
  /** Of the data. */
  readonly directory: string;
  readonly clock: Clock;
  /** Length of a segment; by the size of the disk if undefined. */
  readonly segmentBytes?: number | undefined;
  readonly environment: Environment;
  readonly disk: SpoolDisk;
  readonly unreadable: UnreadableItems;
}

/** Reads back what the journal holds; writes nothing yet. @throws Error when it cannot be read */
export function openLog(parts: LogParts): SegmentLog {
  const { clock, directory, disk, environment, onShort, placeOf, unreadable } = parts;
  const { manifest, isDamaged } = readManifest(environment.meta);
  if (isDamaged) unreadable.tell('segments', 'its checksum does not match; what was delivered may be sent again');
  return SegmentLog.open({
    directory: join(directory, JOURNAL_DIRECTORY),
    manifest,
    positionAtLeast: isDamaged ? highestPosition(environment.watermarks) : 0,
    segmentBytes: parts.segmentBytes ?? segmentBytesOf(disk, manifest),
    clock,
    placeOf,
    hasRoomFor: (bytes) => disk.hasRoomFor(bytes),
    confirm: () => disk.health.assertInPlace(),
    onDamaged: (item) => unreadable.copy(item),
    onFailed: (error) => disk.health.report(error),
    onShort,
  });
}

/** Where there is no room for others, those go on being used that there are: what waits could not be settled without. */
function segmentBytesOf(disk: SpoolDisk, manifest: Manifest | undefined): number {
  const isRoomy = disk.hasRoomFor(ROOMY_BYTES);
  const isUsual = manifest?.segments.some(({ bytes }) => bytes === SEGMENT_BYTES) === true;
  return isRoomy || isUsual ? SEGMENT_BYTES : SHORT_SEGMENT_BYTES;
}

/** The highest position that a row names: the journal was at least as far. */
function highestPosition(watermarks: Rows): number {
  let highest = 0;
  for (const { key, value } of watermarks.getRange({})) {
    highest = Math.max(highest, decodeWatermarkRow(key, value)?.position ?? 0);
  }
  return highest;
}
