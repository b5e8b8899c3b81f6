import type { Meters, Transport } from '../core/meters.js';
import type { LaneCounts } from '../core/ports.js';
import type { AdminSources } from './admin-sources.js';

/** The body of `GET /status`. Times are ISO 8601 in UTC; counters start at 0 with the process. */
export interface Status {
  readonly version: string;
  readonly node: string;
  readonly uws: string;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  /** Why it is ready or not, in a few words. */
  readonly reason: string;
  readonly cloud: {
    readonly url: string;
    readonly up: boolean;
    /** Since when it is up or down; null while nothing was asked yet. */
    readonly since: string | null;
  };
  /** What waits for the cloud. */
  readonly spool: {
    readonly bytes: number;
    readonly states: number;
    /** Age of the oldest waiting state; null when none waits. */
    readonly oldestSeconds: number | null;
    /** Records that could not be read back at start and are kept where they are. */
    readonly unreadableRecords: number;
    /** States that the cloud refused or that became too old; they are kept. */
    readonly deadLetters: number;
  };
  readonly lanes: LaneCounts;
  /** Open connections of devices. */
  readonly connections: Record<Transport, number>;
  /** States, by transport and by what became of them. */
  readonly received: Meters['received'];
  /** States the cloud has taken. */
  readonly forwarded: number;
  /** Accepted states that the cloud will ignore for their age. */
  readonly outOfWindow: number;
  readonly tokenCache: Meters['tokenCache'];
  /** Bodies accepted whose answer is outstanding. */
  readonly workerQueueDepth: number;
}

/** Everything as it is now, in plain JSON values. */
export function readStatus(sources: AdminSources): Status {
  const { build, meters, clock, startedAtMs } = sources;
  const { ready, reason } = sources.readiness();
  const { url, up, sinceMs } = sources.cloud();
  const { bytes, states, unreadableRecords, deadLetters } = sources.spoolStatus();
  return {
    version: build.version,
    node: build.node,
    uws: build.uws,
    startedAt: new Date(startedAtMs).toISOString(),
    uptimeSeconds: secondsSince(startedAtMs, clock.wallMs()),
    ready,
    reason,
    cloud: { url, up, since: sinceMs === undefined ? null : new Date(sinceMs).toISOString() },
    spool: { bytes, states, oldestSeconds: oldestSeconds(sources) ?? null, unreadableRecords, deadLetters },
    lanes: sources.lanes(),
    connections: sources.connections(),
    received: meters.received,
    forwarded: meters.forwarded,
    outOfWindow: meters.outOfWindow,
    tokenCache: meters.tokenCache,
    workerQueueDepth: sources.queueDepth(),
  };
}

/** Age of the oldest waiting state in seconds; undefined when none waits. */
export function oldestSeconds(sources: AdminSources): number | undefined {
  const { oldestStoredAtMs } = sources.spoolStatus();
  return oldestStoredAtMs === undefined ? undefined : secondsSince(oldestStoredAtMs, sources.clock.wallMs());
}

/** Never negative: the wall clock may have been set back since. */
function secondsSince(thenMs: number, nowMs: number): number {
  return Math.max(0, nowMs - thenMs) / 1_000;
}
