import type { DeadLetter, StoredDeadLetter } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import type { Grant } from '../../core/grant.js';
import type { LaneCounts } from '../../core/ports.js';
import type { OwnedSpool, Settlement, Watermark } from '../../core/spool-ports.js';
import { type BackOff, backOffMs } from '../../core/time/back-off.js';
import type { Outcome } from '../send/outcome.js';
import { LaneFaults, type LaneTrouble } from './lane-faults.js';
import { LaneGrants } from './lane-grants.js';
import { type DevicePast, LastSeen } from './last-seen.js';
import type { MemoryLedger } from './memory-ledger.js';
import type { Pacing } from './pacing.js';
import { Proofs } from './proofs.js';
import type { Refusals } from './refusals.js';
import type { Taken, WaitingChunk } from './waiting-chunk.js';
import { WaitingStates } from './waiting-states.js';

/** A lane alone at fault costs the cloud four requests a minute, and flows again soon enough after an outage. */
const LANE_BACK_OFF: BackOff = { firstMs: 1_000, mostMs: 15_000 };
/** Requests a lane may send without settling anything; their number is then written down before the next. */
export const MAX_UNRECORDED_SENDS = 6;

/**
 * What keeps a lane from sending, beside window and rate: a back-off ends by itself; parked, it waits for someone's work, and
 * asks the cloud again at the end if there is one. Times are monotonic.
 */
type Hold =
  | { readonly kind: 'none'; readonly untilMs: number }
  | { readonly kind: 'backoff'; readonly untilMs: number }
  | { readonly kind: 'parked'; readonly untilMs: number; readonly isGrantAwaited: boolean };

const NO_HOLD: Hold = { kind: 'none', untilMs: Number.NEGATIVE_INFINITY };

/** One active device: what waits, in order, with which tokens it may be sent, and when. */
export class Lane extends WaitingStates {
  readonly pacing: Pacing;
  readonly lastSeen: LastSeen;
  readonly grants = new LaneGrants();
  /** For the queue of lanes that are due alone: it stands there. */
  isQueued = false;
  /** For the heap of lanes by when they are due alone: its place there, -1 when not in it, and the time it stands there for. */
  heapIndex = -1;
  dueAtMs = 0;
  #hold: Hold = NO_HOLD;
  #isBusy = false;
  #isLost = false;
  #windowEndsMs = Number.NEGATIVE_INFINITY;
  #unrecordedSends = 0;
  #unsettled: Settlement | undefined = undefined;
  #apart: StoredDeadLetter | undefined = undefined;
  #deliveredMs: number;
  #faults: LaneFaults | undefined;
  #proofs: Proofs | undefined = undefined;

  /**
   * @param watermark of the device before anything that is pushed
   * @param past what is remembered of the device
   */
  constructor(
    device: Device,
    spool: OwnedSpool,
    pacing: Pacing,
    memory: MemoryLedger,
    watermark: Watermark,
    nowMs: number,
    past?: DevicePast,
  ) {
    super(device, spool, memory, watermark);
    this.pacing = pacing;
    this.lastSeen = past?.lastSeen ?? new LastSeen();
    this.#faults = past?.refusals && new LaneFaults(past.refusals);
    this.#deliveredMs = nowMs;
  }

  /** Something is being done for it: a request, a settlement, a spill. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Another process sends its states now: what comes of anything that is under way changes nothing. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether nothing waits to be sent or written down. */
  get isEmpty(): boolean {
    return !this.hasStates && this.#unsettled === undefined && this.#apart === undefined;
  }

  /** Whether something is to be written down before it may send: a settlement, or the count of its requests. */
  get mustSettle(): boolean {
    return this.#unsettled !== undefined || this.#unrecordedSends >= MAX_UNRECORDED_SENDS;
  }

  get state(): keyof LaneCounts {
    if (this.isEmpty) return 'idle';
    return this.#hold.kind === 'none' ? 'pacing' : this.#hold.kind;
  }

  get hold(): Hold['kind'] {
    return this.#hold.kind;
  }

  /** Monotonic; in the past when nothing holds it, Infinity when that does not end by itself. */
  get holdUntilMs(): number {
    return this.#hold.untilMs;
  }

  /** Monotonic; when the coalescing window that the last request opened ends. */
  get windowEndsMs(): number {
    return this.#windowEndsMs;
  }

  /** Taken by the cloud or given up, not yet written down; settled before anything else is done. */
  get unsettled(): Settlement | undefined {
    return this.#unsettled;
  }

  /** A state of the device that was held apart and is to be tried, before anything that waits. */
  get apart(): StoredDeadLetter | undefined {
    return this.#apart;
  }

  /** Monotonic; when the cloud last took states, or else the lane began. */
  get deliveredMs(): number {
    return this.#deliveredMs;
  }

  /** Undefined when nothing is the matter, or nothing is known yet. */
  get trouble(): LaneTrouble | undefined {
    return this.#faults?.trouble;
  }

  /** Undefined until something is the matter with it. */
  get faults(): LaneFaults | undefined {
    return this.#faults;
  }

  /** As of {@link LaneFaults}. */
  get failures(): number {
    return this.#faults?.failures ?? 0;
  }

  get refusals(): Refusals | undefined {
    return this.#faults?.refusals;
  }

  /** Tokens that wait to show that they may send for it. */
  get proofs(): Proofs | undefined {
    return this.#proofs;
  }

  /**
   * How long it has to wait with its next proof. Where its own states can go by themselves, they go first, and the proof
   * takes no room that they need (contract 1.4).
   * @returns Infinity: until its own states are gone; or there is no proof
   */
  proofWaitMs(nowMs: number): number {
    const proofs = this.#proofs;
    if (proofs === undefined || proofs.isEmpty) return Number.POSITIVE_INFINITY;
    // A proof waits for no window, and for no good token.
    const heldMs = this.#hold.kind === 'backoff' ? this.#hold.untilMs : nowMs;
    const waitMs = Math.max(heldMs, this.pacing.earliestStartMs(nowMs)) - nowMs;
    if (!proofs.isServed || this.#hold.kind === 'parked') return waitMs;
    return this.isEmpty ? Math.max(waitMs, proofs.spareWaitMs(this.pacing, nowMs)) : Number.POSITIVE_INFINITY;
  }

  override push(chunk: WaitingChunk): void {
    super.push(chunk);
    this.lastSeen.hear(chunk.record.sinceMs);
  }

  /** From now on it is being served; {@link Lane.free} ends that. */
  begin(): void {
    this.#isBusy = true;
  }

  free(): void {
    this.#isBusy = false;
  }

  /** Its partition is another's. */
  lose(): void {
    this.#isLost = true;
    this.#unsettled = undefined;
    this.#apart = undefined;
    this.#proofs?.refuse();
    this.forgetStates();
  }

  /** A request starts, and opens a coalescing window. */
  sending(nowMs: number, windowMs: number): void {
    this.#windowEndsMs = nowMs + windowMs;
    this.#unrecordedSends++;
  }

  /** Nothing holds it any more. */
  release(): void {
    this.#hold = NO_HOLD;
  }

  /**
   * Something went wrong that may be better later: it waits, the longer the more often in a row.
   * @param random from 0 to 1, for jitter
   * @param mostSteps it waits no longer than after so many failures
   */
  backOff(reason: string, nowMs: number, random: number, mostSteps = Number.POSITIVE_INFINITY): void {
    const failures = this.faulted().failed(reason, nowMs);
    this.#hold = { kind: 'backoff', untilMs: nowMs + backOffMs(LANE_BACK_OFF, Math.min(failures, mostSteps), random) };
  }

  /** The cloud has had too many requests of its device. */
  throttle(reason: string, nowMs: number, untilMs: number): void {
    this.faulted().noteTrouble('throttled', reason, nowMs);
    this.#hold = { kind: 'backoff', untilMs };
  }

  /** Only someone's work can help it: it waits for that until `untilMs`, or a good token where `isGrantAwaited`. */
  park(reason: string, nowMs: number, untilMs: number, isGrantAwaited: boolean): void {
    this.#hold = { kind: 'parked', untilMs, isGrantAwaited };
    this.faulted().noteTrouble('parked', reason, nowMs);
  }

  /** The cloud is back after an outage, in which it failed or waited: it goes on at `untilMs`. */
  comeBack(untilMs: number): void {
    this.#faults?.failsNoMore();
    this.#hold = { kind: 'backoff', untilMs };
  }

  /** A request has ended. */
  answered(outcome: Outcome): void {
    if (outcome === 'retry') return;
    this.#faults?.failsNoMore();
    this.#faults?.clearCulprit();
    if (outcome !== 'missing') this.#faults?.found();
    if (outcome === 'bisect' || outcome === 'halve') this.#faults?.clearTrouble();
  }

  /** The cloud took states. @param alone as {@link LaneFaults.taken} has it */
  delivered(states: number, alone: Uint8Array | undefined, nowMs: number): void {
    this.#deliveredMs = nowMs;
    this.lastSeen.hasDelivered = true;
    this.#faults?.taken(states, alone);
  }

  /** Something is the matter with it. */
  faulted(): LaneFaults {
    this.#faults ??= new LaneFaults();
    return this.#faults;
  }

  /** Takes states off the head at `nowMs`, delivered or given up; returns what is to be written down, which is unsettled. */
  take(
    taken: Taken,
    nowMs: number,
    deadLetters?: readonly DeadLetter[],
    liftedLetters?: readonly number[],
  ): Settlement {
    const settlement = this.takeOff(taken, this.pacing.countedSends(nowMs), deadLetters);
    this.#unsettled = liftedLetters === undefined ? settlement : { ...settlement, liftedLetters };
    return this.#unsettled;
  }

  /** That is on stable storage. */
  settled(): void {
    this.#unsettled = undefined;
    this.#unrecordedSends = 0;
  }

  /** A state that was held apart is to be tried. */
  tryApart(letter: StoredDeadLetter): void {
    this.#apart = letter;
  }

  /** It was. */
  apartTried(): void {
    this.#apart = undefined;
  }

  /** A token is to show that it may send. */
  proving(): Proofs {
    this.#proofs ??= new Proofs();
    return this.#proofs;
  }

  /**
   * Remembers a grant as the newest; the oldest gives way. One that is news and has not ended ends a wait for a grant.
   * @returns whether it has ended one
   */
  remember(grant: Grant): boolean {
    const isAwaited = this.#hold.kind === 'parked' && this.#hold.isGrantAwaited;
    if (!this.grants.remember(grant) || !isAwaited || grant.endedBy !== undefined) return false;
    this.release();
    this.#faults?.clearTrouble();
    return true;
  }
}
