import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ReplicasView } from '../admin/admin-sources.js';
import type { HandOverReason } from '../cluster/owned-partitions.js';
import type { Config } from '../config/load.js';
import { SPILL_ABOVE_BYTES } from '../core/bounds.js';
import { StatewayError } from '../core/errors.js';
import { makeDirectory } from '../core/machine/make-directory.js';
import type { Clock } from '../core/time/clock.js';
import { DATA_FILE } from '../spool/lmdb/data-file.js';
import type { OpenedSpool } from './app-spool.js';
import type { LineWriter } from './log/event-log.js';
import { ReplicatedSpool } from './replicated-spool.js';

/**
 * The spool that replicas share.
 * @throws StatewayError when the servers of NATS cannot be used
 */
export async function openReplicas(config: Config, log: LineWriter, clock: Clock): Promise<OpenedSpool> {
  refuseLeftStates(config.dataDir);
  makeDirectory(config.dataDir);
  if (config.natsMonitorUrl === undefined) {
    log.warn(
      { event: 'nats-sync-unknown' },
      'nobody has looked whether the servers of NATS sync what they acknowledge: set STATEWAY_NATS_MONITOR_URL',
    );
  }
  const handovers: Record<HandOverReason, number> = { released: 0, expired: 0, given_up: 0, lost: 0 };
  const spool = await ReplicatedSpool.open({
    urls: config.natsUrl ?? [],
    name: config.name,
    credentialsFile: config.natsCredentialsFile,
    caFile: config.natsCaFile,
    monitorUrls: config.natsMonitorUrl ?? [],
    partitions: config.natsPartitions,
    replicas: config.natsReplicas,
    maxSpoolBytes: config.maxSpoolBytes,
    maxDeadLetterBytes: config.maxDeadLetterBytes,
    // Below what makes the lanes move states away: they wait in the stream, and are written nowhere else.
    maxOpenBytes: SPILL_ABOVE_BYTES / 2,
    clock,
    onChange: (isUp, server) =>
      isUp
        ? log.info({ event: 'nats-back', server }, 'connected to NATS again')
        : log.warn({ event: 'nats-lost', server }, 'the connection to NATS broke'),
    onHandOver(partition, isOwned, reason) {
      handovers[reason]++;
      log.info({ event: 'partition', partition, isOwned, reason }, isOwned ? 'partition taken over' : 'partition gone');
    },
    onUnreadable: (what, sequence, reason) =>
      log.error({ event: 'unreadable', item: `${what} ${sequence}`, reason }, 'passed over: it cannot be read'),
  });
  const table = await spool.cluster.openTable().catch(async (error) => {
    await spool.close();
    throw error;
  });
  return {
    spool,
    openTable: () => table,
    noteKeyFile: () => {},
    tellOthers: () => {},
    isAway: () => spool.cluster.isAway,
    replicas: () => viewOf(spool, handovers),
    proveBy: (prove) => spool.cluster.proveBy(prove),
    isStampedByOwner: true,
  };
}

function viewOf({ cluster, commitSeconds }: ReplicatedSpool, handovers: ReplicasView['handovers']): ReplicasView {
  const { isUp, counts, streamBytes, streamMaxBytes } = cluster.figures();
  return {
    isNatsUp: isUp,
    partitions: counts,
    handovers,
    publishSeconds: commitSeconds,
    stream: { bytes: streamBytes, maxBytes: streamMaxBytes },
  };
}

/** States of a proxy with a disk of its own would wait in vain. */
function refuseLeftStates(dataDir: string): void {
  if (!existsSync(join(dataDir, DATA_FILE))) return;
  throw new StatewayError(
    'STATEWAY_CONFIGURATION',
    `${dataDir} holds the spool of a single proxy, which STATEWAY_SPOOL=jetstream does not read; start it with lmdb until all is delivered, and then with an empty directory`,
  );
}
