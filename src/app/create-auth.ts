import { AuthStage } from '../auth/auth-stage.js';
import { keyFromFile } from '../auth/secret-key.js';
import type { Config } from '../config/load.js';
import type { GrantFollower } from '../core/auth-ports.js';
import type { CloudClient } from '../core/cloud-port.js';
import type { Meters } from '../core/metering/meters.js';
import type { Forwarder } from '../core/ports.js';
import type { ArrivalClock } from '../core/time/clock.js';
import type { DeviceClocks } from '../core/time/device-clocks.js';
import type { Timekeeper } from '../core/time/timekeeper.js';
import type { Committer } from '../intake/committer.js';
import { singleBody } from '../state/single-body.js';
import type { OpenedSpool } from './app-spool.js';
import type { LineWriter } from './log/event-log.js';

/**
 * The auth stage over its table on disk.
 * @throws SpoolOpenError when the table cannot be opened
 * @throws SecretKeyError when there is no secret key to be had, or another than the one the table was written under
 */
export function createAuth(
  config: Config,
  parts: {
    readonly cloud: CloudClient;
    readonly clock: ArrivalClock;
    readonly timekeeper: Timekeeper;
    readonly meters: Meters;
    readonly deviceClocks: DeviceClocks;
    readonly log: LineWriter;
    readonly lanes: Forwarder;
    readonly opened: Pick<OpenedSpool, 'openTable' | 'noteKeyFile' | 'proveBy'>;
    /** Resolves when every body accepted so far is answered, and with the lanes. */
    readonly accepted: () => Promise<void>;
    /** Comes to be after it. */
    readonly committer: () => Pick<Committer, 'stampsFor'>;
    readonly follower: GrantFollower;
  },
): AuthStage {
  const { dataDir, maxBodyBytes, tokenCacheSize, tokenTtlMs, tokenOfflineMs, retentionMs } = config;
  const { cloud, clock, timekeeper, meters, deviceClocks, log, lanes, accepted, committer, follower } = parts;
  const onRepaired = (file: string, mode: number) =>
    log.warn({ event: 'key-file-repaired', file, mode: mode.toString(8) }, 'the key file was open to others');
  const table = parts.opened.openTable();
  try {
    const secretKey = config.secretKey ?? keyFromFile(dataDir, !table.isEmpty, onRepaired);
    if (config.secretKey === undefined) parts.opened.noteKeyFile();
    return new AuthStage({
      cloud,
      clock,
      cloudNowMs: () => timekeeper.cloudNowMs,
      meters,
      deviceClocks,
      random: Math.random,
      secretKey,
      table,
      maxGrants: tokenCacheSize,
      tokenTtlMs,
      tokenOfflineMs,
      retentionMs,
      bodyFor: (device, encoding, body) =>
        singleBody(encoding, body, {
          arrivalMs: clock.wallMs(),
          stampsFor: (ownTimes, count) => committer().stampsFor(device, ownTimes, count),
          isClockCredible: clock.isCredible,
          times: deviceClocks.rules,
          maxBodyBytes,
        }),
      accepted,
      follower,
      forward: parts.opened.proveBy((device, token, body, isServed) => lanes.prove(device, token, body, isServed)),
      offerGrant: (grant) => lanes.offerGrant(grant),
      deviceOf: (deviceKey) => lanes.deviceOf(deviceKey),
      onUnreadable: (rows) => log.error({ event: 'grants-unreadable', rows }, 'stored grants set aside'),
      onWriteFailed: (error) =>
        log.error({ event: 'grants-not-written', reason: (error as Error).message }, 'grants cannot be stored'),
    });
  } catch (error) {
    void table.close();
    throw error;
  }
}
