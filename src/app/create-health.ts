import { type CloudTrouble, FAILURE_REMEDIES } from '../core/cloud-results.js';
import type { Meters } from '../core/metering/meters.js';
import type { SpoolStatus } from '../core/spool-ports.js';
import type { Clock } from '../core/time/clock.js';
import type { UplinkSessions } from '../upstream/mqtt/uplink-sessions.js';
import { UpstreamHealth } from '../upstream/upstream-health.js';
import type { LineWriter } from './log/event-log.js';

export interface HealthSurroundings {
  readonly clock: Clock;
  readonly meters: Meters;
  /** Comes to be after it. */
  readonly cloud: () => { greet(): Promise<unknown> };
  readonly spool: { status(): Pick<SpoolStatus, 'states'> };
  /** Comes to be after it; undefined where there are no commands. */
  readonly uplinks: () => Pick<UplinkSessions, 'cloudIsBack'> | undefined;
}

/** What is known of the cloud by all calls, whose changes go to the log. */
export function createHealth(log: LineWriter, surroundings: HealthSurroundings): UpstreamHealth {
  const { clock, meters, cloud, spool, uplinks } = surroundings;
  /** Monotonic. */
  let lostMs = 0;
  const warn = (trouble: CloudTrouble, message: string): void => {
    const { reason, words, code } = trouble;
    const remedy = FAILURE_REMEDIES[reason];
    const waitingStates = spool.status().states;
    log.warn({ event: 'cloud-lost', reason, ...(code && { code }), words, remedy, waitingStates }, message);
  };
  return new UpstreamHealth({
    clock,
    meters,
    random: Math.random,
    greet: () => cloud().greet(),
    onLost: (trouble) => {
      lostMs = clock.monotonicMs();
      warn(trouble, 'the cloud does not answer');
    },
    onOtherCause: (trouble) => warn(trouble, 'the cloud does not answer, now for another reason'),
    onBack: () => {
      const outageMs = Math.round(clock.monotonicMs() - lostMs);
      log.info({ event: 'cloud-back', outageMs, waitingStates: spool.status().states }, 'the cloud is back');
      uplinks()?.cloudIsBack(lostMs);
    },
    onReached: () => {
      const afterMs = Math.round(clock.monotonicMs() - lostMs);
      log.info(
        { event: 'cloud-reached', afterMs, waitingStates: spool.status().states },
        'the cloud answers, for the first time since the start',
      );
      uplinks()?.cloudIsBack(lostMs);
    },
  });
}
