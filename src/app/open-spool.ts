import type { Config } from '../config/load.js';
import type { Device } from '../core/device.js';
import type { Clock } from '../core/time/clock.js';
import { LmdbSpool } from '../spool/lmdb-spool.js';
import type { LineWriter } from './log/event-log.js';

/**
 * Opens the spool, and writes a line for what goes wrong with it.
 * @param config names the data directory, which is made if missing, and what may be stored in it
 * @param bootTag of the machine (`readBootTag`)
 * @throws SpoolOpenError when the data directory cannot be used
 */
export function openSpool(
  {
    dataDir: directory,
    maxDeadLetterBytes,
    maxSpoolBytes,
  }: Pick<Config, 'dataDir' | 'maxDeadLetterBytes' | 'maxSpoolBytes'>,
  log: LineWriter,
  clock: Clock,
  bootTag: number,
): Promise<LmdbSpool> {
  return LmdbSpool.open({
    directory,
    clock,
    bootTag,
    maxDeadLetterBytes,
    maxSpoolBytes,
    onRequeued: (devices) => log.info({ event: 'requeued', devices }, 'dead letters taken back'),
    onImported: (states) => log.info({ event: 'imported', states }, 'an import was taken in'),
    onDropped: (dropped) =>
      log.error(
        { event: 'dead-letters-dropped', ...dropped, maxDeadLetterBytes },
        'the oldest dead letters went for want of room',
      ),
    onDiscarded: (letters) => log.info({ event: 'dead-letters-discarded', letters }, 'dead letters discarded'),
    onUnreadable: (item, reason, owners) =>
      log.error({ event: 'unreadable', item, reason, ...ownersInLog(owners) }, `set aside: ${unreadableWords(owners)}`),
    onCutOff: (item, reason) =>
      log.info(
        { event: 'write-cut-off', item, reason },
        'the last write was cut off, as when the power goes: nothing that was acknowledged is missing',
      ),
    onDiskFault: ({ code, words: reason }) =>
      log.error({ event: 'disk-failing', code, reason }, 'the disk fails: new states are refused'),
    onDiskWell: (faultMs) =>
      log.info({ event: 'disk-back', failingMs: Math.round(faultMs) }, 'the disk is back: new states are taken again'),
  });
}

/** A batch may hold states of thousands: as many as these are named. */
const MOST_OWNERS_IN_LOG = 20;

function ownersInLog(owners: readonly Device[] | undefined): { devices?: number; deviceIds?: readonly string[] } {
  if (owners === undefined) return {};
  return { devices: owners.length, deviceIds: owners.slice(0, MOST_OWNERS_IN_LOG).map(({ deviceId }) => deviceId) };
}

function unreadableWords(owners: readonly Device[] | undefined): string {
  return owners?.length === 0 ? 'it cannot be read, nor can it be known whose it is' : 'it cannot be read';
}
