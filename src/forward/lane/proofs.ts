import type { SendResult } from '../../core/cloud-port.js';
import type { ProofResult, ReadyBody, SendLater } from '../../core/ports.js';
import type { Clock } from '../../core/time/clock.js';
import type { Pacing } from './pacing.js';

/** How long a proof waits for its turn: the device has no answer meanwhile. */
export const PROOF_WAITS_MS = 5_000;
/** Proofs of one device at one time: its own token, its gateway's and an operator's, with room to spare. */
const MAX_PROOFS = 8;
/** A device that is being served is as a rule free again by then. */
const BUSY_MS = 1_000;

/**
 * Where a device has a good grant, proofs are mostly other people's. They start while it uses less than this share of its
 * limit, so that what its own states need next is free, and take no more than this one in a window.
 */
const USED_SHARE = 0.8;
const SPARED_SHARE = 0.1;

/** What comes of a proof for which nothing is sent. */
export const NOT_SENT: SendResult = {
  kind: 'failure',
  mayArriveLater: false,
  openMs: 0,
  reason: 'refused',
  words: 'the cloud does not answer, or the proxy is being stopped, or what waits cannot be read',
};

/** A token that is to show that it may send, and the body that it would show it with if nothing waited. */
export class Proof {
  readonly token: string;
  readonly body: ReadyBody;
  /** Monotonic; it does not begin afterwards. */
  readonly lastStartMs: number;
  readonly #resolve: (result: ProofResult) => void;
  #cancelTimeout: () => void = () => {};

  constructor(token: string, body: ReadyBody, lastStartMs: number, resolve: (result: ProofResult) => void) {
    this.token = token;
    this.body = body;
    this.lastStartMs = lastStartMs;
    this.#resolve = resolve;
  }

  /** Calls `giveUp` when it may not begin any more. */
  timeOut(clock: Clock, giveUp: () => void): void {
    this.#cancelTimeout = clock.schedule(this.lastStartMs - clock.monotonicMs(), giveUp);
  }

  /** Nothing is sent: the cloud is away, the proxy is being stopped, or what waits before it cannot be read. */
  refuse(): void {
    this.end(NOT_SENT, false);
  }

  /** Tells what came of it; see {@link ProofResult}. */
  end(result: SendResult | SendLater, isOfBody: boolean): void {
    this.#cancelTimeout();
    this.#resolve({ result, isOfBody });
  }
}

/** The proofs that wait for one lane, each for a bounded time. */
export class Proofs {
  /** Whether the device has a good grant, by which its own states go. */
  isServed = false;
  readonly #waiting: Proof[] = [];
  /** Monotonic: when proofs started that a served device has spared room for, as far as they may count yet. */
  #sparedMs: number[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Has a proof wait. */
  add(clock: Clock, token: string, body: ReadyBody): Promise<ProofResult> {
    return new Promise((resolve) => {
      const proof = new Proof(token, body, clock.monotonicMs() + PROOF_WAITS_MS, resolve);
      if (this.#waiting.length >= MAX_PROOFS) {
        proof.end({ kind: 'later', afterMs: BUSY_MS }, false);
        return;
      }
      this.#waiting.push(proof);
      proof.timeOut(clock, () => this.#giveUp(proof));
    });
  }

  /** How long the lane of a served device has no room to spare for a proof. */
  spareWaitMs(pacing: Pacing, nowMs: number): number {
    const below = Math.max(1, Math.floor(pacing.limit * USED_SHARE));
    const most = Math.max(1, Math.floor(pacing.limit * SPARED_SHARE));
    this.#sparedMs = this.#sparedMs.filter((startedMs) => pacing.countedUntilMs(startedMs) > nowMs);
    const roomMs = pacing.earliestStartMs(nowMs, below);
    const last = this.#sparedMs.at(-most);
    return Math.max(roomMs, last === undefined ? nowMs : pacing.countedUntilMs(last)) - nowMs;
  }

  /** A proof of a served device starts. */
  noteSpared(nowMs: number): void {
    this.#sparedMs.push(nowMs);
  }

  /** Has a proof wait again, before the others. */
  putBack(proof: Proof): void {
    this.#waiting.unshift(proof);
  }

  /**
   * Takes out the proof that is to begin now, and tells those that cannot begin in time.
   * @param waitMs until a request of the lane may start
   */
  take(nowMs: number, waitMs: number): Proof | undefined {
    for (let proof = this.#waiting[0]; proof !== undefined; proof = this.#waiting[0]) {
      const isInTime = nowMs + waitMs <= proof.lastStartMs;
      if (isInTime && waitMs > 0) return undefined;
      this.#waiting.shift();
      if (isInTime) return proof;
      proof.end({ kind: 'later', afterMs: Math.max(waitMs, BUSY_MS) }, false);
    }
    return undefined;
  }

  /** Nothing is sent for the lane. */
  refuse(): void {
    for (const proof of this.#waiting.splice(0)) proof.refuse();
  }

  #giveUp(proof: Proof): void {
    const at = this.#waiting.indexOf(proof);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    proof.end({ kind: 'later', afterMs: BUSY_MS }, false);
  }
}
