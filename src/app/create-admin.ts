import { join } from 'node:path';
import { type AdminOptions, AdminServer } from '../admin/admin-server.js';
import type { AdminSources, CloudView } from '../admin/admin-sources.js';
import type { AuthStage } from '../auth/auth-stage.js';
import type { Config } from '../config/load.js';
import type { RefusalRing } from '../core/metering/refusal-ring.js';
import { systemClock } from '../core/time/clock.js';
import type { Lanes } from '../forward/lanes.js';
import { diskRoomBytes } from '../spool/disk/disk-room.js';
import type { UplinkSessions } from '../upstream/mqtt/uplink-sessions.js';
import type { AppSpool } from './app-spool.js';
import type { Capacity } from './capacity/capacity.js';
import { adminTlsFiles, type Certificates } from './certificates.js';
import type { DeviceSide } from './device-side.js';
import { knownDevices } from './known-devices.js';
import type { LineCounter, LineWriter } from './log/event-log.js';
import { PACKAGE_VERSION } from './package-info.js';
import { letterLine } from './spool-commands/export-lines.js';

/** In the data directory; see `HistoryFile`. */
const HISTORY_FILE_NAME = 'history.dat';

/** The stages that the admin side shows. */
export interface AdminStages
  extends Pick<AdminSources, 'meters' | 'storedTime' | 'followed' | 'readiness' | 'replicas'> {
  /** The uWebSockets.js in use and its version. */
  readonly uws: string;
  readonly health: CloudView;
  readonly spool: AppSpool;
  readonly lanes: Lanes;
  readonly auth: AuthStage;
  readonly capacity: Pick<Capacity, 'view'>;
  readonly devices: DeviceSide;
  readonly refusals: RefusalRing;
  readonly certificates: () => Pick<Certificates, 'admin' | 'device'>;
  readonly uplinks: Pick<UplinkSessions, 'counts' | 'troubles'> | undefined;
  readonly log: LineCounter & LineWriter;
}

/** The admin side, as it is configured. */
export function createAdmin(config: Config, stages: AdminStages): AdminServer {
  return new AdminServer(sourcesOf(config, stages), adminOptions(config));
}

function sourcesOf(config: Config, stages: AdminStages): AdminSources {
  const { name, dataDir, maxSpoolBytes, maxDeadLetterBytes, outOfWindow, upstreamUrl, exemplars } = config;
  const {
    meters,
    storedTime,
    readiness,
    replicas,
    uws,
    health,
    spool,
    lanes,
    auth,
    capacity,
    devices,
    refusals,
    certificates,
    uplinks,
    log,
  } = stages;
  return {
    build: { name, version: PACKAGE_VERSION, node: process.version, uws },
    clock: systemClock,
    startedAtMs: systemClock.wallMs(),
    startedMs: systemClock.monotonicMs(),
    meters,
    storedTime,
    readiness,
    cloudUrl: upstreamUrl,
    cloud: () => health,
    spoolStatus: () => spool.status(),
    spoolRoom: () => ({ maxBytes: maxSpoolBytes, freeDiskBytes: freeDiskBytes(dataDir) }),
    commitSeconds: () => (replicas() === undefined ? spool.commitSeconds : undefined),
    replicas,
    deadLetterRoom: () => ({ maxBytes: maxDeadLetterBytes, dropped: spool.orders.dropped }),
    latestDeadLetters: (most) => spool.latestDeadLetters(most),
    deadLetters: {
      from: (number, most) => spool.letters.from(number, most),
      lineOf: letterLine,
      ask: (action, numbers) => spool.orders.ask(action, numbers),
      note: (asked) =>
        log.info({ event: 'dead-letters-asked', ...asked }, `dead letters: somebody asked to ${asked.action}`),
    },
    outOfWindow,
    showsExemplars: exemplars === 'on',
    devices: () => lanes.devices(),
    knownDevices: knownDevices({ lanes, auth, devices, spool, refusals }),
    kept: () => auth.kept(),
    memory: () => capacity.view(),
    lanes: () => lanes.lanes(),
    refusals,
    followed: stages.followed,
    certificates: () => {
      const { device, admin } = certificates();
      return { device, admin };
    },
    connections: () => devices.connections(),
    uplinks: () => uplinks?.counts(),
    mqttTroubles: () => [...devices.mqttTroubles(), ...(uplinks?.troubles() ?? [])],
    queueDepth: () => devices.openBodies(),
    droppedLogLines: () => log.droppedLines,
    onUnreadable: (where, err) => log.error({ event: 'figures-unreadable', where, err }, 'figures cannot be read'),
    onWrongToken: (address) => log.warn({ event: 'admin-token-wrong', address }, 'a wrong token of the admin side'),
  };
}

/** Who may ask, and how. */
function adminOptions(config: Config): AdminOptions {
  const { adminHosts, adminToken, dataDir } = config;
  const historyPath = join(dataDir, HISTORY_FILE_NAME);
  return { names: adminHosts, token: adminToken, historyPath, tls: adminTlsFiles(config) };
}

/** Bytes that the spool in `directory` can still grow by; undefined when the system does not say. */
function freeDiskBytes(directory: string): number | undefined {
  try {
    return diskRoomBytes(directory);
  } catch {
    return undefined;
  }
}
