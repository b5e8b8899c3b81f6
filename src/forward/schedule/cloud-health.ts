import type { CloudTrouble, SendResult } from '../../core/cloud-port.js';
import { type BackOff, backOffMs } from '../../core/time/back-off.js';
import type { Clock } from '../../core/time/clock.js';
import { troubleOf } from '../send/outcome.js';

/** Failures in a row, over all lanes, after which the cloud may count as down. */
export const FAILURES_TO_TRIP = 5;
/** Lanes they must come from, if the cloud answered at all: one device whose states upset the cloud is no outage. */
export const LANES_TO_TRIP = 3;

/** With the spread of the lanes afterwards, and a request's own time, everything flows within 30 s of recovery. */
export const PROBE_CAP_MS = 10_000;
const PROBE_BACK_OFF: BackOff = { firstMs: 1_000, mostMs: PROBE_CAP_MS };

/**
 * Requests in flight until the cloud has answered for the first time: a start in an outage need not read a piece for
 * each of many devices to find that out. More than it takes to trip the breaker.
 */
export const REQUESTS_AT_FIRST = 8;

export interface CloudHealthParts {
  readonly clock: Clock;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /**
   * Told each time the cloud goes down or comes back; not of the first answer.
   * @param trouble of the last failure; undefined when the cloud is back
   */
  readonly onChange: (isUp: boolean, trouble: CloudTrouble | undefined) => void;
}

/**
 * The breaker over all lanes: what their requests together say of the cloud (contract 1.5: "when the whole cloud is down,
 * one probe at a time, not one per device"). A failure is no answer of its own or one of 500 and more; any other, 429 and
 * 401 as well, is a sign of life and ends an outage at once. A 429 that is not the cloud's own says nothing either way.
 */
export class CloudHealth {
  readonly #parts: CloudHealthParts;
  #isUp = true;
  #sinceWallMs: number | undefined = undefined;
  #failures = 0;
  #unanswered = 0;
  /** Keys of lanes that failed in a row; not more than are needed to trip. */
  readonly #failedLanes = new Set<string>();
  #failedProbes = 0;
  #isProbing = false;
  /** Monotonic. */
  #probeStartedMs = Number.NEGATIVE_INFINITY;
  /** Monotonic. */
  #nextProbeMs = Number.NEGATIVE_INFINITY;

  constructor(parts: CloudHealthParts) {
    this.#parts = parts;
  }

  /** False from the failures that trip the breaker to the next sign of life. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Whether there was a sign either way. */
  get isKnown(): boolean {
    return this.#sinceWallMs !== undefined;
  }

  /** Requests that may be in flight, of `most` when all is well. */
  mostInFlight(most: number): number {
    return this.isKnown ? most : Math.min(REQUESTS_AT_FIRST, most);
  }

  /** Wall-clock milliseconds at which the cloud came to be what it is; undefined before the first sign either way. */
  get sinceWallMs(): number | undefined {
    return this.#sinceWallMs;
  }

  /** Monotonic: when the next request may start; in the past while the cloud is up, Infinity while the probe is out. */
  get earliestStartMs(): number {
    if (this.#isUp) return Number.NEGATIVE_INFINITY;
    return this.#isProbing ? Number.POSITIVE_INFINITY : this.#nextProbeMs;
  }

  /** A request starts. Returns whether it is the probe, to be handed to {@link CloudHealth.record} with its result. */
  start(): boolean {
    if (this.#isUp) return false;
    this.#isProbing = true;
    this.#probeStartedMs = this.#parts.clock.monotonicMs();
    return true;
  }

  record(laneKey: string, isProbe: boolean, result: SendResult): void {
    if (isProbe) this.#isProbing = false;
    const isAnswered = result.kind === 'answer';
    const isCalm = isAnswered && result.status < 500;
    if (isCalm && result.isCloudsOwn) this.#live();
    else if (this.#isUp && !isCalm) this.#count(laneKey, result);
    else if (isProbe) this.#postponeProbe(this.#probeStartedMs);
  }

  /** The cloud has answered something else than a lane: it is up, whatever became of the last requests. */
  alive(): void {
    this.#live();
  }

  #live(): void {
    this.#failures = 0;
    this.#unanswered = 0;
    this.#failedLanes.clear();
    this.#failedProbes = 0;
    if (this.#isUp) this.#sinceWallMs ??= this.#parts.clock.wallMs();
    else this.#turn(true, undefined);
  }

  #count(laneKey: string, result: SendResult): void {
    this.#failures++;
    if (result.kind === 'failure') this.#unanswered++;
    if (this.#failedLanes.size < LANES_TO_TRIP) this.#failedLanes.add(laneKey);
    if (this.#failures < FAILURES_TO_TRIP) return;
    if (this.#failedLanes.size < LANES_TO_TRIP && this.#unanswered < this.#failures) return;
    this.#postponeProbe(this.#parts.clock.monotonicMs());
    this.#turn(false, troubleOf(result));
  }

  /** From its start: one that hung has taken the time between two already. */
  #postponeProbe(fromMs: number): void {
    this.#failedProbes++;
    this.#nextProbeMs = fromMs + backOffMs(PROBE_BACK_OFF, this.#failedProbes, this.#parts.random());
  }

  #turn(isUp: boolean, trouble: CloudTrouble | undefined): void {
    this.#isUp = isUp;
    this.#sinceWallMs = this.#parts.clock.wallMs();
    this.#parts.onChange(isUp, trouble);
  }
}
