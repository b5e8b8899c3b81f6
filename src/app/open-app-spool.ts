import { join } from 'node:path';
import { KEY_FILE } from '../auth/secret-key.js';
import type { Config } from '../config/load.js';
import type { Clock } from '../core/time/clock.js';
import { DATA_FILE } from '../spool/lmdb/data-file.js';
import { LmdbTable } from '../spool/lmdb/lmdb-table.js';
import type { OpenedSpool } from './app-spool.js';
import type { LineWriter } from './log/event-log.js';
import { openReplicas } from './open-replicas.js';
import { openSpool } from './open-spool.js';

/** Of the data directory: grants and log-ins, encrypted. */
const GRANTS_DIRECTORY = 'grants';

/**
 * Opens the spool where the configuration has it.
 * @param bootTag of the machine (`readBootTag`)
 * @throws SpoolOpenError when the data directory cannot be used
 * @throws StatewayError when the servers of NATS cannot be used
 */
export function openAppSpool(config: Config, log: LineWriter, clock: Clock, bootTag: number): Promise<OpenedSpool> {
  return config.spool === 'jetstream' ? openReplicas(config, log, clock) : openOneDisk(config, log, clock, bootTag);
}

async function openOneDisk(config: Config, log: LineWriter, clock: Clock, bootTag: number): Promise<OpenedSpool> {
  const spool = await openSpool(config, log, clock, bootTag);
  const { diskHealth, lock } = spool;
  return {
    spool,
    openTable() {
      const table = new LmdbTable(join(config.dataDir, GRANTS_DIRECTORY), diskHealth);
      // What cannot be found again after a restart is not there.
      diskHealth.watch(join(GRANTS_DIRECTORY, DATA_FILE));
      return table;
    },
    noteKeyFile: () => diskHealth.watch(KEY_FILE),
    tellOthers: (report) => lock.tellOthers(report),
    isAway: () => false,
    replicas: () => undefined,
    proveBy: (prove) => prove,
    isStampedByOwner: false,
  };
}
