import type { CloudClient, SendResult } from '../../core/cloud-port.js';
import type { Clock } from '../../core/time/clock.js';
import type { Lane } from '../lane/lane.js';
import type { CloudHealth } from '../schedule/cloud-health.js';
import type { Delivery } from './next-body.js';
import { reasonOf } from './outcome.js';

/** Failures in a row for one body before it is split, while the cloud serves others. */
export const SPLIT_AFTER = 3;
/** Failures in a row after which a body that only hangs is split, too: until then the cloud may be slow, and have stored it. */
export const SPLIT_HANGING_AFTER = 6;
/** While a body is searched, a lane waits no longer than after so many failures: a search is short. */
const SEARCH_STEPS = 2;
/** A cloud that has served others within this time is up. */
const SERVED_LATELY_MS = 5_000;

export interface FaultFinderParts {
  readonly clock: Clock;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly health: CloudHealth;
  /** Whether the cloud knows a device: what one can ask that changes nothing. */
  readonly askForDevice: CloudClient['askForDevice'];
}

/**
 * Whose fault it is when the cloud fails: its own, or that of one state, for which it fails again and again while it serves
 * others (contract 1.5). The body is split as a refused one, and a state that fails alone is passed by, for one request: if
 * the cloud takes what is behind it, it is held apart. If it fails for that as well, both are passed by, and so on.
 */
export class FaultFinder {
  readonly #parts: FaultFinderParts;
  /** Monotonic: when the cloud last gave a good answer to states of any device. */
  #servedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: FaultFinderParts) {
    this.#parts = parts;
  }

  /** The cloud has answered below 500. */
  served(nowMs: number): void {
    this.#servedAtMs = nowMs;
  }

  /** How many states at the head of a lane have failed so often that what is behind them should be tried; 0 as a rule. */
  statesToPass({ faults, waitingStates }: Lane): number {
    const culprit = faults?.culprit;
    if (culprit?.isSuspect !== true || waitingStates <= culprit.states) return 0;
    return this.#parts.health.isUp ? culprit.states : 0;
  }

  /**
   * Whether the cloud has served others lately; where none has sent anything, whether it can be asked.
   * Never rejects.
   */
  async isServing(lane: Lane, token: string | undefined): Promise<boolean> {
    const { askForDevice, clock, health } = this.#parts;
    if (clock.monotonicMs() - this.#servedAtMs < SERVED_LATELY_MS) return true;
    if (token === undefined) return false;
    const asked = await askForDevice(lane.device, token);
    if (asked.kind !== 'answer' || asked.status >= 500) return false;
    health.alive();
    return true;
  }

  /** The cloud or the way to it has failed for a lane: it backs off, and its body is split if that may be its doing. */
  async failed(
    lane: Lane,
    token: string | undefined,
    delivery: Delivery,
    result: SendResult,
    nowMs: number,
  ): Promise<void> {
    const { states } = delivery.body;
    const isOfTheBody = await this.#isOfTheBody(lane, token, result);
    const isSplit =
      isOfTheBody && states > 1 && (lane.faults?.sizeSearch?.isSearching === true || lane.failures + 1 >= SPLIT_AFTER);
    const isAlone = isOfTheBody && states === 1 && delivery.passed === undefined;
    const faults = lane.faulted();
    if (isSplit) faults.searchSize().refused(states);
    if (isAlone) faults.headFailed(result);
    if (delivery.passed !== undefined) faults.nextFailed(isOfTheBody);
    const isQuick = isSplit || (isAlone && faults.culprit?.isSuspect !== true);
    const reason = `the cloud fails for it: ${reasonOf(result)}`;
    lane.backOff(reason, nowMs, this.#parts.random(), isQuick ? SEARCH_STEPS : undefined);
  }

  /** Whether the body may be what a request failed for: it got as far as the cloud, which serves others. */
  async #isOfTheBody(lane: Lane, token: string | undefined, result: SendResult): Promise<boolean> {
    if (result.kind === 'answer') return this.#parts.health.isUp;
    const failures = lane.failures + 1;
    const splitAfter = result.reason === 'timeout' ? SPLIT_HANGING_AFTER : SPLIT_AFTER;
    if (!result.mayArriveLater || failures < splitAfter) return false;
    // Without an answer it is more likely that there is no cloud.
    return this.isServing(lane, token);
  }
}
