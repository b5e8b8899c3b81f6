import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load.js';
import { KNOWN_LOG_IN_BOUNDS, LOG_IN_BOUNDS, PROOF_BOUNDS, QUESTION_BOUNDS } from '../core/bounds.js';
import { type CloudTrouble, FAILURE_REMEDIES } from '../core/cloud-port.js';
import type { Meters } from '../core/metering/meters.js';
import type { SpoolStatus } from '../core/spool-ports.js';
import { type Clock, systemClock } from '../core/time/clock.js';
import { Timekeeper } from '../core/time/timekeeper.js';
import { MAX_REQUESTS_IN_FLIGHT } from '../forward/lanes.js';
import { AskThread } from '../upstream/ask-thread.js';
import type { UplinkSessions } from '../upstream/mqtt/uplink-sessions.js';
import { SendThread } from '../upstream/send-thread.js';
import { UpstreamHealth } from '../upstream/upstream-health.js';
import type { LineWriter } from './log/event-log.js';

const SEND_WORKER_FILE = workerFile('send-worker');
const ASK_WORKER_FILE = workerFile('ask-worker');
/** Checks of grants that are known here, eight at once, and of what is the matter with a device. */
const CONNECTIONS_FOR_CHECKS = 16;

/**
 * What the lanes send with: states of devices with grants never wait for a connection that a proof has.
 * @param onDistrust told when it has given its connections up, since no good answer came by them
 */
export function createSendThread(config: Config, onDistrust: () => void): SendThread {
  const { upstreamUrl: url, upstreamCaFile: caFile, upstreamProxy } = config;
  const connections = MAX_REQUESTS_IN_FLIGHT + PROOF_BOUNDS.maxAtOnce;
  const proxyUrl = upstreamProxy?.url;
  return new SendThread({ workerFile: SEND_WORKER_FILE, url, connections, caFile, proxyUrl, onDistrust });
}

/** What is asked of the cloud beside states: strangers, who have it asked what they like, never keep a state waiting. */
export function createAskThread(config: Config): AskThread {
  const { upstreamUrl: url, upstreamCaFile: caFile, upstreamProxy } = config;
  const connections = {
    questions: QUESTION_BOUNDS.maxAtOnce,
    checks: CONNECTIONS_FOR_CHECKS,
    logIns: LOG_IN_BOUNDS.maxAtOnce + KNOWN_LOG_IN_BOUNDS.maxAtOnce,
  };
  return new AskThread({ workerFile: ASK_WORKER_FILE, url, connections, caFile, proxyUrl: upstreamProxy?.url });
}

function workerFile(name: string): string {
  return fileURLToPath(new URL(`../../workers/${name}.js`, import.meta.url));
}

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

/** The time, as far as this machine and the cloud know it; that they differ is written to the log. */
export function createTimekeeper(log: LineWriter, bootTag: number): Timekeeper {
  return new Timekeeper(systemClock, bootTag, (skewMs, isTooMuch) => {
    const skewSeconds = Math.round(skewMs / 1_000);
    if (isTooMuch) log.warn({ event: 'clock-wrong', skewSeconds }, "the clock of this machine is not the cloud's");
    else log.info({ event: 'clock-right', skewSeconds }, 'the clock of this machine is right again');
  });
}
