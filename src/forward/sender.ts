import type { Clock } from '../core/clock.js';
import type { SendResult } from '../core/cloud-results.js';
import type { DeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Meters } from '../core/meters.js';
import type { CloudClient, ReadyBody, Spool } from '../core/ports.js';
import { type Batch, buildBatch, readHead } from './batch.js';
import type { CloudHealth } from './cloud-health.js';
import type { Expiry, GivenUp, GiveUp } from './expiry.js';
import type { Lane, Taken } from './lane.js';
import { ASK_AGAIN_MS, backoffMs, MISSING_FOR_MS, outcomeOf, reasonOf, statusOf, throttleMs } from './outcome.js';
import type { RateLimit } from './pacing.js';
import type { Coalesce } from './request-body.js';
import type { UplinkCap } from './uplink-cap.js';

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
  readonly cloud: Pick<CloudClient, 'bodyMemory' | 'sendStates'>;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly meters: Meters;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly health: CloudHealth;
  readonly uplink: UplinkCap;
  readonly expiry: Expiry;
  /** Told once each time a lane is parked for what only someone's work can change; no token or value is in `reason`. */
  readonly onParked: (device: Device, reason: string) => void;
  /** Told when the cloud takes states of a parked lane again, and how long after. */
  readonly onUnparked: (device: Device, parkedMs: number) => void;
  /** Told of states that became dead letters, once they are kept; `status` is the cloud's, 0 when they were too old. */
  readonly onGivenUp: (device: Device, states: number, status: number) => void;
}

const NOTHING: Taken = { piece: undefined, pieceStates: 0, journalStates: 0 };

/** Does one thing at a time for a lane: one request and what follows from its answer, or what needs no request. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #parts: SenderParts;
  readonly #bodyMemory: (byteLength: number) => Buffer;
  #isStopped = false;

  constructor(options: SenderOptions, parts: SenderParts) {
    this.#options = options;
    this.#parts = parts;
    this.#bodyMemory = (byteLength) => parts.cloud.bodyMemory(byteLength);
  }

  /** From now on answers change nothing: what is in flight stays in the spool and is sent again by the next run. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Sends the next body of a lane that is due and has nothing unsettled. On return the lane says when it is due again.
   * Never rejects.
   * @param maxBodyBytes of this body
   */
  async step(lane: Lane, maxBodyBytes: number): Promise<void> {
    lane.release();
    const grant = lane.goodGrant(this.#parts.clock.wallMs());
    const token = this.#options.upstreamToken ?? grant?.token;
    if (token === undefined) return this.#awaitToken(lane);
    const batch = this.#batchOf(lane, maxBodyBytes);
    if (batch !== undefined) await this.#send(lane, token, grant, batch);
  }

  /** Sends one request for a lane, with all that counts it. Nothing follows from its answer but how the lane is paced. */
  async request(lane: Lane, token: string, body: ReadyBody): Promise<SendResult> {
    const { cloud, clock, meters, health, uplink } = this.#parts;
    const startedMs = clock.monotonicMs();
    lane.windowEndsMs = startedMs + this.#options.windowMs;
    lane.unrecordedSends++;
    const bodyBytes = body.bytes.byteLength;
    uplink.spend(bodyBytes, startedMs);
    const isProbe = health.start();
    const result = await cloud.sendStates(lane.device, token, body.bytes);
    uplink.ended(bodyBytes);
    const endedMs = clock.monotonicMs();
    const label = result.kind === 'answer' ? String(result.status) : 'error';
    meters.upstreamRequests.set(label, (meters.upstreamRequests.get(label) ?? 0) + 1);
    meters.upstreamSeconds.observe((endedMs - startedMs) / 1000);
    meters.upstreamBatchStates.observe(body.states);
    if (this.#isStopped) return result;
    if (result.kind === 'answer') lane.pacing.answered(endedMs);
    else if (result.mayArriveLater) lane.pacing.lost(endedMs);
    health.record(lane.device.key, isProbe, result);
    return result;
  }

  /** The cloud has had too many requests of the lane's device: it waits. */
  throttle(lane: Lane, result: SendResult): void {
    const retryAfterMs = result.kind === 'answer' ? result.retryAfterMs : undefined;
    const nowMs = this.#parts.clock.monotonicMs();
    lane.suffer('throttled', 'the cloud limits its requests (429)', nowMs);
    lane.holdBack('backoff', nowMs + throttleMs(retryAfterMs, this.#options.rateLimit.windowMs), false);
  }

  /** Writes down what of the lane is not, or how often it has sent. Never rejects. */
  async settle(lane: Lane): Promise<void> {
    lane.release();
    const isRetry = lane.unsettled !== undefined;
    lane.unsettled ??= lane.take(NOTHING, lane.pacing.countAt(this.#nowMs));
    await this.#settle(lane);
    if (isRetry && lane.unsettled === undefined) lane.failures = 0;
  }

  /** Gives up what of a lane has waited too long. Its hold stays. Never rejects. */
  async giveUp(lane: Lane, giveUp: GiveUp): Promise<void> {
    while (!this.#isStopped) {
      const expired = this.#collect(lane, giveUp);
      if (expired === undefined) return;
      await this.#bury(lane, expired);
      if (lane.unsettled !== undefined) return;
    }
  }

  #awaitToken(lane: Lane): void {
    lane.holdBack('parked', Number.POSITIVE_INFINITY, true);
    lane.suffer('parked', 'no good token of it is known here; it goes on when the device shows one', this.#nowMs);
  }

  #batchOf(lane: Lane, maxBodyBytes: number): Batch | undefined {
    const { coalesce, windowMs } = this.#options;
    const { maxStates } = lane.bodyLimit;
    try {
      const head = readHead(lane, this.#parts.spool);
      return buildBatch(head, { coalesce, windowMs, maxBodyBytes, maxStates, bodyMemory: this.#bodyMemory });
    } catch (error) {
      // What cannot be read back, here or from disk, is this device's trouble alone.
      this.#park(lane, `its states cannot be joined (${(error as Error).name})`, false);
      return undefined;
    }
  }

  async #send(lane: Lane, token: string, grant: Grant | undefined, batch: Batch): Promise<void> {
    const { bytes, sentStates } = batch.body;
    const result = await this.request(lane, token, { bytes, states: sentStates });
    if (!this.#isStopped) await this.#conclude(lane, grant, batch, result, this.#parts.clock.monotonicMs());
  }

  async #conclude(
    lane: Lane,
    grant: Grant | undefined,
    batch: Batch,
    result: SendResult,
    nowMs: number,
  ): Promise<void> {
    const outcome = outcomeOf(result);
    if (outcome !== 'retry') lane.failures = 0;
    if (outcome !== 'retry' && outcome !== 'missing') lane.missingSinceMs = undefined;
    if (outcome === 'bisect' || outcome === 'halve') lane.trouble = undefined;
    const { states } = batch.body;
    switch (outcome) {
      case 'settle':
        return this.#deliver(lane, batch.taken, nowMs);
      case 'bisect':
        return batch.onlyState === undefined ? lane.bodyLimit.refused(states) : this.#refuse(lane, batch, result);
      case 'halve':
        return batch.onlyState === undefined ? lane.bodyLimit.tooLarge(states) : this.#refuse(lane, batch, result);
      case 'unauthorized':
        return this.#endGrant(lane, grant, statusOf(result));
      case 'missing':
        return this.#miss(lane, result, nowMs);
      case 'throttle':
        return this.throttle(lane, result);
      case 'retry':
        return this.#backOff(lane, `the cloud fails for it: ${reasonOf(result)}`, nowMs);
    }
  }

  #deliver(lane: Lane, taken: Taken, nowMs: number): Promise<void> {
    const states = taken.pieceStates + taken.journalStates;
    this.#endTrouble(lane, nowMs);
    lane.deliveredMs = nowMs;
    lane.bodyLimit.delivered(states);
    this.#parts.meters.forwarded += states;
    lane.unsettled = lane.take(taken, lane.pacing.countAt(nowMs));
    if (lane.chunks.length === 0 && lane.backlog.isEmpty) lane.bodyLimit.caughtUp();
    return this.#settle(lane);
  }

  /** The one state of a batch is not for the cloud: it is kept as a dead letter, and those behind it go on. */
  #refuse(lane: Lane, { taken, onlyState }: Batch, result: SendResult): Promise<void> {
    const { timeMs, fragment } = onlyState as NonNullable<Batch['onlyState']>;
    const refusedAtMs = this.#parts.clock.wallMs();
    lane.bodyLimit.found();
    const letter = {
      device: lane.device,
      timeMs,
      fragment,
      status: statusOf(result),
      reason: reasonOf(result),
      refusedAtMs,
    };
    return this.#bury(lane, { taken, letters: [letter] });
  }

  async #miss(lane: Lane, result: SendResult, nowMs: number): Promise<void> {
    this.#park(lane, `the cloud knows no such device (${statusOf(result)})`, true);
    lane.missingSinceMs ??= nowMs;
    if (nowMs - lane.missingSinceMs < MISSING_FOR_MS) return;
    await this.giveUp(lane, { afterMs: MISSING_FOR_MS, status: statusOf(result), reason: reasonOf(result) });
  }

  #collect(lane: Lane, giveUp: GiveUp): GivenUp | undefined {
    try {
      return this.#parts.expiry.collect(lane, giveUp);
    } catch {
      // The disk cannot be read: tried again with the next sweep.
      return undefined;
    }
  }

  async #bury(lane: Lane, { taken, letters }: GivenUp): Promise<void> {
    const sends = lane.pacing.countAt(this.#nowMs);
    lane.unsettled = lane.take(taken, sends, letters);
    await this.#settle(lane);
  }

  /** Awaited before the lane sends again, so that a crash repeats at most one request of a device (DESIGN 1.6, 2). */
  async #settle(lane: Lane): Promise<void> {
    const { unsettled } = lane;
    if (unsettled === undefined) return;
    try {
      await this.#parts.spool.settle(unsettled);
    } catch {
      this.#backOff(lane, 'what became of its states could not be written to disk', this.#nowMs);
      return;
    }
    lane.unsettled = undefined;
    lane.unrecordedSends = 0;
    this.#tell(lane.device, unsettled.deadLetters);
  }

  #tell(device: Device, letters: readonly DeadLetter[] | undefined): void {
    const first = letters?.[0];
    if (first !== undefined) this.#parts.onGivenUp(device, (letters as readonly DeadLetter[]).length, first.status);
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
    if (lane.goodGrant(this.#parts.clock.wallMs()) !== undefined) return;
    lane.holdBack('parked', Number.POSITIVE_INFINITY, true);
    this.#report(lane, `the cloud refuses its token (${status})`);
  }

  #backOff(lane: Lane, reason: string, nowMs: number): void {
    lane.failures++;
    lane.suffer('failing', reason, nowMs);
    lane.holdBack('backoff', nowMs + backoffMs(lane.failures, this.#parts.random()), false);
  }

  #park(lane: Lane, reason: string, isGrantAwaited: boolean): void {
    lane.holdBack('parked', this.#nowMs + ASK_AGAIN_MS, isGrantAwaited);
    this.#report(lane, reason);
  }

  #report(lane: Lane, reason: string): void {
    lane.suffer('parked', reason, this.#nowMs);
    if (lane.reportedSinceMs !== undefined) return;
    lane.reportedSinceMs = this.#nowMs;
    this.#parts.onParked(lane.device, reason);
  }

  #endTrouble(lane: Lane, nowMs: number): void {
    lane.trouble = undefined;
    if (lane.reportedSinceMs === undefined) return;
    this.#parts.onUnparked(lane.device, nowMs - lane.reportedSinceMs);
    lane.reportedSinceMs = undefined;
  }

  get #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}
