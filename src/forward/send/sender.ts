import type { CloudClient, SendResult } from '../../core/cloud-port.js';
import type { StoredDeadLetter } from '../../core/dead-letter.js';
import { StatewayError } from '../../core/errors.js';
import type { Grant } from '../../core/grant.js';
import type { ReadyBody } from '../../core/ports.js';
import type { OwnedSpool } from '../../core/spool-ports.js';
import type { Lane } from '../lane/lane.js';
import type { RateLimit } from '../lane/pacing.js';
import type { Proof } from '../lane/proofs.js';
import type { CloudHealth } from '../schedule/cloud-health.js';
import type { AnswerTimes } from '../schedule/ending.js';
import type { SendBudget } from '../schedule/send-budget.js';
import type { GiveUp } from './expiry.js';
import { FaultFinder, type FaultFinderParts } from './fault-finder.js';
import {
  chunksOf,
  type Delivery,
  isGivenUp,
  type LaneHead,
  NextBody,
  type PassedStates,
  readHead,
} from './next-body.js';
import { MISSING_FOR_MS, type Outcome, outcomeOf, reasonOf, statusOf, throttleMs } from './outcome.js';
import { ParkedLanes, type ParkedLanesParts } from './parked-lanes.js';
import type { Coalesce } from './request-body.js';
import { Settler, type SettlerParts } from './settler.js';
import { TimeQuestion } from './time-question.js';

export interface SenderOptions {
  /** How long the states that follow a request gather (`STATEWAY_WINDOW_MS`). */
  readonly windowMs: number;
  readonly coalesce: Coalesce;
  readonly rateLimit: RateLimit;
  readonly maxBodyBytes: number;
  /** Set: every lane sends with this token, and grants do not matter (`STATEWAY_UPSTREAM_TOKEN`). */
  readonly upstreamToken: string | undefined;
}

export interface SenderParts extends SettlerParts, FaultFinderParts, ParkedLanesParts {
  readonly cloud: Pick<CloudClient, 'bodyMemory' | 'sendStates'>;
  readonly health: CloudHealth;
  readonly budget: SendBudget;
  readonly answerTimes: AnswerTimes;
  /** Told when a lane has read what it sends, so that others may start. */
  readonly onRead: () => void;
  /** Told when a state that was held apart has been tried, and whether it is held apart no more. */
  readonly onTried: (spool: OwnedSpool, number: number, isOver: boolean) => void;
}

/** Does one thing at a time for a lane: one request and what follows from its answer, or what needs no request. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #parts: SenderParts;
  readonly #nextBody: NextBody;
  readonly #settler: Settler;
  readonly #faults: FaultFinder;
  readonly #timeQuestion: TimeQuestion;
  readonly #parked: ParkedLanes;
  #isStopped = false;

  constructor(options: SenderOptions, parts: SenderParts) {
    this.#options = options;
    this.#parts = parts;
    this.#nextBody = new NextBody(options, parts);
    this.#settler = new Settler(parts);
    this.#faults = new FaultFinder(parts);
    this.#timeQuestion = new TimeQuestion(parts);
    this.#parked = new ParkedLanes(parts);
  }

  /** From now on answers change nothing: what is in flight stays in the spool and is sent again by the next run. */
  stop(): void {
    this.#isStopped = true;
    this.#settler.stop();
  }

  /** Writes down what of the lane is not, or how often it has sent. Never rejects. */
  settle(lane: Lane): Promise<void> {
    lane.release();
    return this.#settler.settle(lane);
  }

  /** Gives up what of a lane has waited too long. Its hold stays. Never rejects. */
  giveUp(lane: Lane, giveUp: GiveUp): Promise<void> {
    return lane.isLost ? Promise.resolve() : this.#settler.giveUp(lane, giveUp);
  }

  /**
   * Sends the next body of a lane that is due and has nothing unsettled. On return the lane says when it is due again.
   * Never rejects.
   * @param maxBodyBytes of this body
   */
  async step(lane: Lane, maxBodyBytes: number): Promise<void> {
    lane.release();
    const grant = lane.grants.at(this.#parts.clock.wallMs());
    const token = this.#options.upstreamToken ?? grant?.token;
    if (token === undefined) return this.#parked.awaitToken(lane);
    if (lane.apart !== undefined) return this.#tryApart(lane, token, grant, lane.apart);
    const suspects = this.#faults.statesToPass(lane);
    const passedStates = suspects > 0 && (await this.#faults.isServing(lane, token)) ? suspects : 0;
    if (passedStates > 0 && !this.#parts.health.isUp) return;
    const head = lane.backlog.isEmpty ? chunksOf(lane) : await this.#readHead(lane);
    // Asking and reading took their time.
    if (head === undefined || this.#isOver(lane) || this.#parts.health.earliestStartMs > this.#nowMs) return;
    const delivery = this.#deliveryOf(lane, head, maxBodyBytes, passedStates);
    if (delivery === undefined) return;
    if (delivery.body.states === 0) return this.#timeQuestion.ask(lane, token);
    const { bytes, sentStates } = delivery.body;
    const result = await this.#request(lane, token, { bytes, states: sentStates });
    if (!this.#isOver(lane)) await this.#conclude(lane, grant, delivery, result, this.#nowMs);
  }

  /**
   * Sends with the token of a proof what is next of a lane that has nothing unsettled, or where nothing is the proof's own
   * body, whatever keeps the lane from sending by itself. What the cloud says against the token ends the proof alone; what
   * it says of the states goes for them as ever. Where that tells nothing of the token, the proof waits for its next turn.
   * Never rejects.
   * @param maxBodyBytes of the lane's body
   */
  async prove(lane: Lane, proof: Proof, maxBodyBytes: number): Promise<void> {
    const head = lane.backlog.isEmpty ? chunksOf(lane) : await this.#readHead(lane);
    const delivery = head && this.#deliveryOf(lane, head, maxBodyBytes, 0);
    const isProbing = this.#parts.health.earliestStartMs > this.#nowMs;
    if (this.#isOver(lane) || isProbing || (delivery === undefined && lane.hasStates)) return proof.refuse();
    if (delivery?.body.states === 0) {
      lane.proofs?.putBack(proof);
      return this.#timeQuestion.ask(lane, proof.token);
    }
    const body = delivery === undefined ? proof.body : { bytes: delivery.body.bytes, states: delivery.body.sentStates };
    const result = await this.#request(lane, proof.token, body);
    const outcome = outcomeOf(result);
    const isAboutStates = outcome === 'bisect' || outcome === 'halve';
    if (delivery !== undefined && isAboutStates && !this.#isOver(lane)) lane.proofs?.putBack(proof);
    else proof.end(result, delivery === undefined);
    if (this.#isOver(lane) || outcome === 'unauthorized' || outcome === 'missing') return;
    if (outcome === 'settle') lane.release();
    if (delivery !== undefined) await this.#conclude(lane, undefined, delivery, result, this.#nowMs);
    else if (outcome === 'throttle') this.#throttle(lane, result);
  }

  /** Sends one request for a lane, with all that counts it. Nothing follows from its answer but how the lane is paced. */
  async #request(lane: Lane, token: string, body: ReadyBody): Promise<SendResult> {
    const { cloud, clock, meters, health, budget, answerTimes, followed } = this.#parts;
    const startedMs = clock.monotonicMs();
    lane.sending(startedMs, this.#options.windowMs);
    const bodyBytes = body.bytes.byteLength;
    budget.spend(bodyBytes, startedMs);
    const isProbe = health.start();
    // While it is listened for, the request counts: another must fit in beside it.
    const mayListen = lane.pacing.countAt(startedMs) + 1 < this.#options.rateLimit.requests;
    const underway = answerTimes.start(startedMs);
    followed.tell(lane.device, 'sent', { attempt: lane.failures + 1, states: body.states, bytes: bodyBytes });
    const sent = cloud.sendStates(lane.device, token, body.bytes, mayListen);
    if (budget.letGo(lane)) queueMicrotask(this.#parts.onRead);
    const result = await sent;
    budget.ended(bodyBytes);
    const endedMs = clock.monotonicMs();
    answerTimes.end(underway, endedMs);
    const tookMs = Math.round(endedMs - startedMs);
    followed.tell(lane.device, 'answered', { status: statusOf(result), reason: reasonOf(result), tookMs });
    const label = result.kind === 'answer' ? String(result.status) : 'error';
    meters.upstreamRequests.set(label, (meters.upstreamRequests.get(label) ?? 0) + 1);
    meters.upstreamSeconds.observe((endedMs - startedMs) / 1000, 1, result.trace);
    meters.upstreamBatchStates.observe(body.states);
    if (this.#isStopped) return result;
    if (result.kind === 'answer' && result.status < 500) this.#faults.served(endedMs);
    if (result.kind === 'answer') lane.pacing.answered(endedMs);
    else if (result.mayArriveLater) lane.pacing.lost(endedMs, result.openMs);
    health.record(lane.device.key, isProbe, result);
    return result;
  }

  /** The cloud has had too many requests of the lane's device: it waits. */
  #throttle(lane: Lane, result: SendResult): void {
    const retryAfterMs = result.kind === 'answer' ? result.retryAfterMs : undefined;
    const nowMs = this.#parts.clock.monotonicMs();
    const untilMs = nowMs + throttleMs(retryAfterMs, this.#options.rateLimit.windowMs);
    lane.throttle('the cloud limits its requests (429)', nowMs, untilMs);
  }

  /** What is next of a lane with backlog; undefined where it cannot be read. */
  async #readHead(lane: Lane): Promise<LaneHead | undefined> {
    try {
      return await readHead(lane);
    } catch (error) {
      if (!this.#isOver(lane)) this.#parked.parkUnreadable(lane, error);
      return undefined;
    }
  }

  #deliveryOf(lane: Lane, head: LaneHead, maxBodyBytes: number, passedStates: number): Delivery | undefined {
    try {
      if (passedStates === 0) return this.#nextBody.of(lane, head, maxBodyBytes);
      return this.#nextBody.behind(lane, head, passedStates, maxBodyBytes);
    } catch (error) {
      this.#parked.parkUnreadable(lane, error);
      return undefined;
    }
  }

  /** Whether nothing may follow any more from what is under way for a lane. */
  #isOver(lane: Lane): boolean {
    return this.#isStopped || lane.isLost;
  }

  /** A state that was held apart has its turn. Whatever comes of it holds up nothing that waits. */
  async #tryApart(lane: Lane, token: string, grant: Grant | undefined, letter: StoredDeadLetter): Promise<void> {
    const body = this.#nextBody.ofOne(lane.device, letter);
    const result = await this.#request(lane, token, { bytes: body.bytes, states: 1 });
    if (this.#isOver(lane)) return;
    lane.apartTried();
    const outcome = outcomeOf(result);
    const isRefused = outcome === 'bisect' || outcome === 'halve';
    this.#parts.onTried(lane.spool, letter.number, outcome === 'settle' || isRefused);
    if (outcome === 'unauthorized') return this.#endGrant(lane, grant, statusOf(result));
    if (outcome === 'throttle') return this.#throttle(lane, result);
    if (outcome === 'settle') return this.#settler.lift(lane, letter, undefined);
    if (isRefused) return this.#settler.lift(lane, letter, result);
  }

  async #conclude(
    lane: Lane,
    grant: Grant | undefined,
    delivery: Delivery,
    result: SendResult,
    nowMs: number,
  ): Promise<void> {
    const outcome = outcomeOf(result);
    if (delivery.passed !== undefined && (await this.#concludePassed(lane, delivery, outcome, nowMs))) return;
    lane.answered(outcome);
    const { states } = delivery.body;
    const settler = this.#settler;
    switch (outcome) {
      case 'settle':
        this.#parked.endTrouble(lane, nowMs);
        return settler.deliver(lane, delivery, nowMs);
      case 'bisect':
        return isGivenUp(lane, delivery, result)
          ? settler.refuse(lane, delivery, result, nowMs)
          : lane.faulted().searchSize().refused(states);
      case 'halve':
        return states === 1
          ? settler.refuse(lane, delivery, result, nowMs)
          : lane.faulted().searchSize().tooLarge(states);
      case 'unauthorized':
        return this.#endGrant(lane, grant, statusOf(result));
      case 'missing':
        return this.#miss(lane, result, nowMs);
      case 'throttle':
        return this.#throttle(lane, result);
      case 'retry':
        return this.#faults.failed(lane, this.#options.upstreamToken ?? grant?.token, delivery, result, nowMs);
    }
  }

  /**
   * What is behind some states was tried. If the cloud has taken it, or found fault with it alone, those before it are what
   * it fails for: held apart. Returns whether that was so.
   */
  async #concludePassed(lane: Lane, delivery: Delivery, outcome: Outcome, nowMs: number): Promise<boolean> {
    const culprit = lane.faults?.culprit;
    const isTaken = outcome === 'settle';
    const isProven = isTaken || outcome === 'bisect' || outcome === 'halve';
    if (culprit === undefined || !isProven) return false;
    const { states, taken } = delivery.passed as PassedStates;
    const letters = culprit.lettersOf(lane.device, states, this.#parts.clock.wallMs());
    lane.faults?.failsNoMore();
    lane.faults?.clearCulprit();
    this.#parked.endTrouble(lane, nowMs);
    if (isTaken) await this.#settler.deliver(lane, delivery, nowMs, letters);
    else await this.#settler.setApart(lane, { taken, letters });
    return true;
  }

  async #miss(lane: Lane, result: SendResult, nowMs: number): Promise<void> {
    this.#parked.park(lane, `the cloud knows no such device (${statusOf(result)})`, true);
    if (lane.faulted().missingMs(nowMs) < MISSING_FOR_MS) return;
    await this.#settler.giveUp(lane, { afterMs: MISSING_FOR_MS, status: statusOf(result), reason: reasonOf(result) });
  }

  #endGrant(lane: Lane, grant: Grant | undefined, status: number): void {
    if (this.#options.upstreamToken !== undefined || grant === undefined) {
      this.#parked.park(lane, `the cloud refuses STATEWAY_UPSTREAM_TOKEN (${status})`, false);
      return;
    }
    grant.end(
      status === 401
        ? new StatewayError('STATEWAY_TOKEN_REFUSED', 'the cloud no longer accepts this token; log in again')
        : new StatewayError('STATEWAY_NOT_GRANTED', 'the cloud does not let this token send state for this device'),
    );
    if (lane.grants.at(this.#parts.clock.wallMs()) !== undefined) return;
    this.#parked.parkForGrant(lane, `the cloud refuses its token (${status})`);
  }

  get #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}
