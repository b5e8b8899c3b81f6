import type { Clock } from '../core/clock.js';
import type { Device } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Meters } from '../core/meters.js';
import type { CloudClient, SendResult, Spool } from '../core/ports.js';
import type { CloudHealth } from './cloud-health.js';
import type { Lane } from './lane.js';
import { ASK_AGAIN_MS, backoffMs, outcomeOf, throttleMs } from './outcome.js';
import type { RateLimit } from './pacing.js';
import { buildRequestBody, type Coalesce, type RequestBody } from './request-body.js';
import type { HeldRecord } from './waiting-chunk.js';

export interface SenderOptions {
  /** How long the states that follow a request gather (`STATEWAY_WINDOW_MS`). */
  readonly windowMs: number;
  readonly coalesce: Coalesce;
  readonly rateLimit: RateLimit;
  readonly maxBodyBytes: number;
  /** Set: every lane sends with this token, and grants do not matter (`STATEWAY_UPSTREAM_TOKEN`). */
  readonly upstreamToken: string | undefined;
}

export interface SenderParts {
  readonly cloud: CloudClient;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly meters: Meters;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly health: CloudHealth;
  /** Told once each time a lane is parked for what only someone's work can change; no token or value is in `reason`. */
  readonly onParked: (device: Device, reason: string) => void;
  /** Told of each record that no lane holds states of any more. */
  readonly onFinished: (held: HeldRecord) => void;
}

/** Does one thing at a time for a lane: one request and what follows from its answer. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #parts: SenderParts;
  #isStopped = false;

  constructor(options: SenderOptions, parts: SenderParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** From now on answers change nothing: what is in flight stays in the spool and is sent again by the next run. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * The next step of a lane that is due and not empty: writes down what was delivered if that failed before, else sends
   * a body. On return the lane says when it is due again. Never rejects.
   */
  async step(lane: Lane): Promise<void> {
    lane.release();
    if (lane.unsettled !== undefined) return this.#settle(lane);
    const grant = lane.goodGrant(this.#parts.clock.wallMs());
    const token = this.#options.upstreamToken ?? grant?.token;
    if (token === undefined) return lane.holdBack('parked', Number.POSITIVE_INFINITY, true);
    const body = this.#bodyOf(lane);
    if (body !== undefined) await this.#send(lane, token, grant, body);
  }

  #bodyOf(lane: Lane): RequestBody | undefined {
    const { coalesce, maxBodyBytes } = this.#options;
    try {
      return buildRequestBody(lane.chunks, { coalesce, maxBodyBytes, maxStates: lane.bodyLimit.maxStates });
    } catch (error) {
      // What a fragment that cannot be read back makes throw is this device's trouble alone.
      this.#park(lane, `its states cannot be joined (${(error as Error).name})`, false);
      return undefined;
    }
  }

  async #send(lane: Lane, token: string, grant: Grant | undefined, body: RequestBody): Promise<void> {
    const { cloud, clock, meters, health } = this.#parts;
    const startedMs = clock.monotonicMs();
    lane.windowEndsMs = startedMs + this.#options.windowMs;
    const result = await cloud.sendStates(lane.device, token, body.bytes);
    const endedMs = clock.monotonicMs();
    const label = result.kind === 'answer' ? String(result.status) : 'error';
    meters.upstreamRequests.set(label, (meters.upstreamRequests.get(label) ?? 0) + 1);
    meters.upstreamSeconds.observe((endedMs - startedMs) / 1000);
    meters.upstreamBatchStates.observe(body.sentStates);
    health.record(result, clock.wallMs());
    if (this.#isStopped) return;
    if (result.kind === 'answer') lane.pacing.answered(endedMs);
    else if (result.mayArriveLater) lane.pacing.lost(endedMs);
    await this.#conclude(lane, grant, body.states, result, endedMs);
  }

  async #conclude(
    lane: Lane,
    grant: Grant | undefined,
    states: number,
    result: SendResult,
    nowMs: number,
  ): Promise<void> {
    const outcome = outcomeOf(result);
    if (outcome !== 'retry') lane.failures = 0;
    switch (outcome) {
      case 'settle':
        return this.#deliver(lane, states, nowMs);
      case 'bisect':
        if (states === 1) this.#park(lane, `the cloud refuses its next state (${statusOf(result)})`, false);
        return lane.bodyLimit.refused(states);
      case 'halve':
        if (states === 1) this.#park(lane, `the cloud finds its next state too large (${statusOf(result)})`, false);
        return lane.bodyLimit.tooLarge(states);
      case 'unauthorized':
        return this.#endGrant(lane, grant, statusOf(result));
      case 'missing':
        return this.#park(lane, `the cloud knows no such device (${statusOf(result)})`, true);
      case 'throttle': {
        const retryAfterMs = result.kind === 'answer' ? result.retryAfterMs : undefined;
        return lane.holdBack('backoff', nowMs + throttleMs(retryAfterMs, this.#options.rateLimit.windowMs), false);
      }
      case 'retry':
        return this.#backOff(lane, nowMs);
    }
  }

  #deliver(lane: Lane, states: number, nowMs: number): Promise<void> {
    lane.isReported = false;
    lane.bodyLimit.delivered(states);
    this.#parts.meters.forwarded += states;
    lane.unsettled = lane.deliver(states, lane.pacing.countAt(nowMs), this.#parts.onFinished);
    if (lane.chunks.length === 0) lane.bodyLimit.caughtUp();
    return this.#settle(lane);
  }

  /** Awaited before the lane sends again, so that a crash repeats at most one request of a device (DESIGN 1.6, 2). */
  async #settle(lane: Lane): Promise<void> {
    if (lane.unsettled === undefined) return;
    try {
      await this.#parts.spool.settle(lane.unsettled);
      lane.unsettled = undefined;
      lane.failures = 0;
    } catch {
      this.#backOff(lane, this.#parts.clock.monotonicMs());
    }
  }

  #endGrant(lane: Lane, grant: Grant | undefined, status: number): void {
    if (this.#options.upstreamToken !== undefined || grant === undefined) {
      this.#park(lane, `the cloud refuses STATEWAY_UPSTREAM_TOKEN for it (${status})`, false);
      return;
    }
    grant.end(
      status === 401
        ? new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud no longer accepts this token; log in again')
        : new StatewayError('STATEWAY_NOT_GRANTED', 'the cloud does not let this token send state for this device'),
    );
    if (lane.goodGrant(this.#parts.clock.wallMs()) === undefined) {
      lane.holdBack('parked', Number.POSITIVE_INFINITY, true);
    }
  }

  #backOff(lane: Lane, nowMs: number): void {
    lane.failures++;
    lane.holdBack('backoff', nowMs + backoffMs(lane.failures, this.#parts.random()), false);
  }

  #park(lane: Lane, reason: string, isGrantAwaited: boolean): void {
    lane.holdBack('parked', this.#parts.clock.monotonicMs() + ASK_AGAIN_MS, isGrantAwaited);
    if (lane.isReported) return;
    lane.isReported = true;
    this.#parts.onParked(lane.device, reason);
  }
}

function statusOf(result: SendResult): number {
  return result.kind === 'answer' ? result.status : 0;
}
