import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Device } from '../../src/core/device.js';
import type { Spill } from '../../src/core/spool-ports.js';
import { OfflineSpool } from '../../src/spool/beside/offline-spool.js';
import { JOURNAL_DIRECTORY } from '../../src/spool/journal/open-log.js';
import { readManifest } from '../../src/spool/lmdb/rows.js';
import type { MetaRows } from '../../src/spool/lmdb/table.js';
import { LmdbSpool } from '../../src/spool/lmdb-spool.js';
import { readSegments } from '../../src/spool/segments/segment-log.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { append, BOOT_TAG, DEVICE_A, recordOf, type SpoolSite } from './contract.js';
import { withRawLmdb } from './raw-lmdb.js';
import { WaitingDevice } from './waiting-device.js';

/** A disk in memory, where there is one: these tests do not depend on what survives a power failure. */
const SHARED_MEMORY = '/dev/shm';
const SEGMENT_BYTES = 64 * 1024;

export interface LmdbSite extends SpoolSite {
  readonly directory: string;
}

/**
 * A directory for an {@link LmdbSpool}, whose life is not bound to one test. The segments of its journal are short, so that
 * they go round.
 */
export function createLmdbSite(clock: FakeClock): LmdbSite {
  return siteIn(mkdtempSync(join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'stateway-spool-')), clock);
}

/** What a site would hold if the process that has its spool open were killed now. */
export function crashedCopy(site: LmdbSite, clock: FakeClock): LmdbSite {
  const directory = `${site.directory}+`;
  copyServed(site.directory, directory);
  return siteIn(directory, clock);
}

/**
 * Copies a directory that a spool has open. Its socket is no data; and a file of the journal that is being made counts for
 * nothing, and may have its final name before it is its turn.
 */
export function copyServed(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (file) => !/\.(sock|new)$/.test(file) });
}

function siteIn(directory: string, clock: FakeClock): LmdbSite {
  return {
    directory,
    open: () => LmdbSpool.open({ directory, clock, bootTag: BOOT_TAG, segmentBytes: SEGMENT_BYTES }),
    requestRequeue: async (numbers) => {
      const beside = await OfflineSpool.open(directory);
      try {
        return (await beside.letters.requeue(numbers)).requested;
      } finally {
        await beside.close();
      }
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Leaves one record of one state for each device in `directory`. */
export async function leaveRecords(directory: string, devices: readonly Device[]): Promise<void> {
  const spool = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG });
  await Promise.all(devices.map((device, i) => append(spool, recordOf(new Map([[device, 1]]), i))));
  await spool.close();
}

/** The sequences of the records that stand in the journal of a spool that nobody has open, settled or not. */
export async function recordsInJournal(directory: string): Promise<number[]> {
  const { manifest } = await withRawLmdb(directory, ({ meta }) => readManifest(meta as unknown as MetaRows));
  return [...readSegments(join(directory, JOURNAL_DIRECTORY), manifest).records].map(({ sequence }) => sequence);
}

/** Stores a record of one state of device A and spills it. */
export async function spillOne(spool: LmdbSpool, storedAtMs: number, padding = 0): Promise<void> {
  const record = recordOf(new Map([[DEVICE_A, 1]]), storedAtMs, padding);
  const sequence = await append(spool, record);
  const waiting = new WaitingDevice(DEVICE_A);
  waiting.add(sequence, record);
  await spool.spill(waiting.spill(1) as Spill);
}
