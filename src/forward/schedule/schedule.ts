import type { ProofResult, ReadyBody } from '../../core/ports.js';
import type { Clock } from '../../core/time/clock.js';
import type { Lane } from '../lane/lane.js';
import type { LaneTable } from '../lane/lane-table.js';
import type { Expiry } from '../send/expiry.js';
import type { Sender } from '../send/sender.js';
import type { CloudHealth } from './cloud-health.js';
import type { Ending } from './ending.js';
import { DueHeap, ReadyQueue, SettleQueue } from './queues.js';
import type { SendBudget } from './send-budget.js';
import type { Spiller } from './spiller.js';
import type { StartPace } from './start-pace.js';

/** How often all lanes are looked through for what has waited too long. */
export const SWEEP_EVERY_MS = 1_000;
/** Of a probe, before the first answer, and after a lane's failure: what hangs is given up the sooner the smaller it is. */
export const PROBE_BODY_BYTES = 16 * 1024;
/** Of a partition that may be another's by now: as soon as that is known not to be so, its lanes go on. */
const LOOK_FOR_LEASE_AFTER_MS = 100;
/** After an outage lanes come back at this rate, or all within {@link MAX_SPREAD_MS}, so that they are no second one. */
const LANES_BACK_PER_MS = 0.2;
export const MAX_SPREAD_MS = 5_000;

export interface ScheduleOptions {
  readonly maxBodyBytes: number;
  /** `STATEWAY_WINDOW_MS`. */
  readonly windowMs: number;
  /** All lanes together. */
  readonly maxRequestsInFlight: number;
}

export interface ScheduleParts {
  readonly clock: Clock;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly table: LaneTable;
  readonly sender: Sender;
  readonly spiller: Spiller;
  readonly expiry: Expiry;
  readonly health: CloudHealth;
  readonly budget: SendBudget;
  readonly pace: StartPace;
  readonly ending: Ending;
}

/**
 * Serves each lane when it is due. A lane is in one of four places: in the heap, until it is due; in the ready queue,
 * first come first served, with one request a turn; being served; or, when nothing but another grant can help it, in
 * none. The ready queue moves while the cloud is up and the cap on the uplink lets it. A lane with nothing waiting stays
 * in the heap until its pacing history is over, and is then dropped, so that memory follows the active devices and not
 * those ever seen.
 */
export class Schedule {
  readonly #options: ScheduleOptions;
  readonly #parts: ScheduleParts;
  readonly #due = new DueHeap();
  readonly #ready = new ReadyQueue();
  readonly #settleQueue = new SettleQueue((lane) => this.#onFree(lane));
  /** Requests. Proofs are bounded by the auth stage, and do not take the places of states. */
  readonly #inFlight = { states: 0, proofs: 0 };
  /** Monotonic. Infinity while there is no lane. */
  #sweepAtMs = Number.POSITIVE_INFINITY;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined = undefined;
  #isStarted = false;
  #isStopped = false;

  constructor(options: ScheduleOptions, parts: ScheduleParts) {
    this.#options = options;
    this.#parts = parts;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Puts a lane where it belongs now. One that is queued or busy is planned when that is over. */
  plan(lane: Lane): void {
    if (lane.isBusy || lane.isLost || this.#startsProof(lane) || lane.isQueued) return;
    const nowMs = this.#parts.clock.monotonicMs();
    const dueAtMs = this.#dueAtMs(lane, nowMs);
    if (dueAtMs > nowMs) {
      if (dueAtMs === Number.POSITIVE_INFINITY) this.#due.remove(lane);
      else this.#due.put(lane, dueAtMs);
      return;
    }
    this.#due.remove(lane);
    if (lane.isEmpty) {
      this.#parts.table.drop(lane);
    } else if (lane.mustSettle) {
      this.#settleQueue.add(lane, () => this.#parts.sender.settle(lane));
    } else {
      this.#ready.push(lane, nowMs >= lane.windowEndsMs + this.#options.windowMs);
    }
  }

  /** From now on lanes are served; before, they only gather what the last run left. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#parts.spiller.start();
  }

  /** Starts what is ready and may start, then sets the timer for what comes next. */
  serve(): void {
    if (!this.#isStarted || this.#isStopped) return;
    this.#settleQueue.start();
    const { clock, ending, health, pace, sender, spiller, table, budget } = this.#parts;
    const nowMs = clock.monotonicMs();
    const mayStart = ending.mayStart(nowMs);
    const mostInFlight = health.mostInFlight(this.#options.maxRequestsInFlight);
    while (mayStart && this.#inFlight.states < mostInFlight && !budget.isFull && this.#gateMs <= nowMs) {
      const lane = this.#ready.shift();
      if (lane === undefined) break;
      if (lane.isBusy || lane.isLost) continue;
      if (lane.mustSettle || this.#dueAtMs(lane, nowMs) > nowMs) {
        this.plan(lane);
        continue;
      }
      if (this.#startsProof(lane)) continue;
      pace.start(nowMs, table.size, lane.fills(this.#options.maxBodyBytes));
      const isSound = health.isKnown && health.isUp && lane.failures === 0;
      const mostBytes = isSound ? this.#options.maxBodyBytes : Math.min(PROBE_BODY_BYTES, this.#options.maxBodyBytes);
      const maxBodyBytes = budget.bodyBytes(mostBytes, this.#ready.length + 1);
      this.#run(lane, 'states', () => sender.step(lane, maxBodyBytes));
    }
    this.#settleQueue.start();
    const isQuiet = this.#inFlight.states + this.#inFlight.proofs === 0 && this.#settleQueue.isIdle && spiller.isIdle;
    if (this.#isClosing && isQuiet && !this.#canSendInTime(mayStart)) this.#stop();
    else this.#setTimer(nowMs);
  }

  /** See {@link Forwarder.prove}. While the cloud is down it is the probe, or is not sent. */
  prove(lane: Lane, token: string, body: ReadyBody, isServed: boolean): Promise<ProofResult> {
    const proofs = lane.proving();
    proofs.isServed = isServed;
    const proven = proofs.add(this.#parts.clock, token, body);
    // It may have come to be for this alone.
    this.plan(lane);
    this.serve();
    return proven;
  }

  /** The cloud is back: lanes that waited for it become due, spread over some time. */
  resume(): void {
    const { clock, random, table } = this.#parts;
    const waited = this.#ready.clear();
    const nowMs = clock.monotonicMs();
    const spreadMs = this.#isClosing ? 0 : Math.min(MAX_SPREAD_MS, table.size / LANES_BACK_PER_MS);
    for (const lane of table.all()) {
      // What failed in an outage shows nothing of what it was.
      lane.faults?.clearCulprit();
      if (lane.isBusy || lane.isEmpty || lane.unsettled !== undefined) continue;
      if (waited.has(lane) || (lane.failures > 0 && lane.hold === 'backoff')) {
        lane.comeBack(nowMs + random() * spreadMs);
      }
      this.plan(lane);
    }
  }

  /** The partition of a lane is another's: it is no more, and what is under way for it changes nothing. */
  lose(lane: Lane): void {
    lane.lose();
    this.#due.remove(lane);
    this.#parts.table.drop(lane);
  }

  /** See {@link Forwarder.close}. */
  close(withinMs: number): Promise<number> {
    const { ending, spiller, table } = this.#parts;
    if (ending.closed !== undefined) return ending.closed;
    spiller.stop();
    const closed = ending.close(withinMs, () => this.#stop());
    for (const lane of table.all()) this.plan(lane);
    if (this.#isStarted) this.serve();
    else this.#stop();
    return closed;
  }

  get #isClosing(): boolean {
    return this.#parts.ending.isClosing;
  }

  /** Monotonic: when the next request of any lane may start. */
  get #gateMs(): number {
    const { health, pace, budget } = this.#parts;
    const gateMs = Math.max(health.earliestStartMs, budget.earliestStartMs);
    return this.#isClosing ? gateMs : Math.max(gateMs, pace.earliestStartMs);
  }

  /** Begins the proof that a lane has waiting, if it may; returns whether the lane is busy now. */
  #startsProof(lane: Lane): boolean {
    const { proofs } = lane;
    if (proofs === undefined || proofs.isEmpty) return false;
    const { clock, ending, health, sender } = this.#parts;
    const nowMs = clock.monotonicMs();
    const mayStart = this.#isStarted && !this.#isClosing && ending.mayStart(nowMs);
    if (!mayStart || health.earliestStartMs > nowMs || lane.spool.mayStartUntilMs <= nowMs) {
      proofs.refuse();
      return false;
    }
    if (lane.mustSettle) {
      this.#settleQueue.add(lane, () => sender.settle(lane));
      return true;
    }
    const waitMs = lane.proofWaitMs(nowMs);
    const proof = waitMs === Number.POSITIVE_INFINITY ? undefined : proofs.take(nowMs, waitMs);
    if (proof === undefined) return false;
    if (proofs.isServed) proofs.noteSpared(nowMs);
    this.#due.remove(lane);
    const maxBodyBytes = Math.min(PROBE_BODY_BYTES, this.#options.maxBodyBytes);
    this.#run(lane, 'proofs', () => sender.prove(lane, proof, maxBodyBytes));
    return true;
  }

  #run(lane: Lane, kind: 'states' | 'proofs', serve: () => Promise<void>): void {
    lane.begin();
    // Of a backlog the next piece is read first.
    if (!lane.backlog.isEmpty) this.#parts.budget.hold(lane);
    this.#inFlight[kind]++;
    void serve().then(() => {
      this.#inFlight[kind]--;
      this.#parts.budget.letGo(lane);
      lane.free();
      this.#onFree(lane);
    });
  }

  #stop(): void {
    this.#isStopped = true;
    for (const lane of this.#parts.table.all()) lane.proofs?.refuse();
    this.#parts.sender.stop();
    this.#cancelTimer?.();
    this.#parts.ending.finish(this.#inFlight.states);
  }

  #dueAtMs(lane: Lane, nowMs: number): number {
    const waitMs = lane.proofWaitMs(nowMs);
    if (waitMs !== Number.POSITIVE_INFINITY) return nowMs + waitMs;
    if (lane.isEmpty) {
      return this.#isClosing ? Number.NEGATIVE_INFINITY : Math.max(lane.windowEndsMs, lane.pacing.emptyAtMs());
    }
    if (lane.mustSettle) return lane.holdUntilMs;
    const windowEndsMs = lane.fills(this.#options.maxBodyBytes) || this.#isClosing ? nowMs : lane.windowEndsMs;
    const leaseMs = lane.spool.mayStartUntilMs > nowMs ? nowMs : nowMs + LOOK_FOR_LEASE_AFTER_MS;
    return Math.max(windowEndsMs, leaseMs, lane.holdUntilMs, lane.pacing.earliestStartMs(nowMs));
  }

  #onFree(lane: Lane): void {
    if (this.#isStopped) return;
    this.plan(lane);
    this.serve();
  }

  #sweep(nowMs: number): void {
    const { expiry, health, sender, spiller, table } = this.#parts;
    if (this.#isClosing) return;
    for (const lane of table.all()) {
      if (lane.isBusy || lane.isEmpty || lane.unsettled !== undefined) continue;
      const giveUp = expiry.dueOf(lane, health.isUp, nowMs);
      if (giveUp !== undefined) this.#settleQueue.add(lane, () => sender.giveUp(lane, giveUp));
    }
    spiller.sweep();
  }

  #canSendInTime(mayStart: boolean): boolean {
    if (!mayStart) return false;
    const firstMs = this.#ready.length > 0 ? Number.NEGATIVE_INFINITY : this.#due.firstDueAtMs;
    return this.#parts.ending.mayStart(Math.max(firstMs, this.#gateMs));
  }

  #setTimer(nowMs: number): void {
    if (this.#parts.table.size === 0) this.#sweepAtMs = Number.POSITIVE_INFINITY;
    else if (this.#sweepAtMs === Number.POSITIVE_INFINITY) this.#sweepAtMs = nowMs + SWEEP_EVERY_MS;
    // Behind an open gate the ready wait for a request to end, not for a time.
    const isGated = this.#ready.length > 0 && this.#gateMs > nowMs;
    const gateMs = isGated ? this.#gateMs : Number.POSITIVE_INFINITY;
    const dueAtMs = Math.min(this.#due.firstDueAtMs, this.#sweepAtMs, gateMs);
    if (dueAtMs >= this.#timerAtMs) return;
    this.#cancelTimer?.();
    this.#timerAtMs = dueAtMs;
    this.#cancelTimer = this.#parts.clock.schedule(dueAtMs - nowMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#cancelTimer = undefined;
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs >= this.#sweepAtMs) {
      this.#sweepAtMs = nowMs + SWEEP_EVERY_MS;
      this.#sweep(nowMs);
    }
    for (let lane = this.#due.first; lane !== undefined && lane.dueAtMs <= nowMs; lane = this.#due.first) {
      this.#due.remove(lane);
      this.plan(lane);
    }
    this.serve();
  }
}
