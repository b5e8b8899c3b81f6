import { MAX_BYTES_IN_FLIGHT } from '../../core/bounds.js';

/**
 * What a request takes on the line beside its body: request line with two ids (110), a token of the usual length (600),
 * the other headers (200), framing by TLS and TCP (110). Answers come down the line, not up.
 */
export const REQUEST_OVERHEAD_BYTES = 1_024;

/** Time that was not used may be made good for this long, so that a timer that fires late costs no throughput. */
export const CATCH_UP_MS = 100;

/** Within this time each lane that waits should have its turn, so that many large bodies do not hold up a small one. */
const TURN_MS = 10_000;
/** Below it, the overhead of requests would take more than a fifth of the line. */
const MIN_BODY_BYTES = 4_096;

/**
 * The bound on bytes on their way, and the cap of `STATEWAY_UPLINK_BYTES_PER_SECOND` over all lanes. A request that starts
 * takes the line for as long as its bytes need at the capped rate; the next starts after that. So in any time T, what
 * starts is at most the rate times (T + {@link CATCH_UP_MS}) and one request. Which lane is next is decided elsewhere:
 * first come, first served.
 */
export class SendBudget {
  readonly #bytesPerMs: number;
  /** Monotonic. */
  #freeAtMs = Number.NEGATIVE_INFINITY;
  #bytesInFlight = 0;
  /** Lanes of which what is next is being read: how much they send shows then. */
  readonly #reading = new Set<object>();

  /** @param bytesPerSecond undefined: no cap */
  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerMs = bytesPerSecond === undefined ? Number.POSITIVE_INFINITY : bytesPerSecond / 1_000;
  }

  /** Monotonic: when the next request may start. */
  get earliestStartMs(): number {
    return this.#freeAtMs;
  }

  /** Whether a request has to end before the next may start. */
  get isFull(): boolean {
    return this.#bytesInFlight >= MAX_BYTES_IN_FLIGHT || this.#reading.size > 0;
  }

  /** Nothing else starts until it is known what this lane sends. */
  hold(lane: object): void {
    this.#reading.add(lane);
  }

  /** It is known, or it sends nothing. @returns whether it was not before */
  letGo(lane: object): boolean {
    return this.#reading.delete(lane);
  }

  /** A request starts. */
  spend(bodyBytes: number, nowMs: number): void {
    this.#bytesInFlight += bodyBytes;
    const lineMs = (bodyBytes + REQUEST_OVERHEAD_BYTES) / this.#bytesPerMs;
    this.#freeAtMs = Math.max(nowMs - CATCH_UP_MS, this.#freeAtMs) + lineMs;
  }

  /** A request has ended. */
  ended(bodyBytes: number): void {
    this.#bytesInFlight -= bodyBytes;
  }

  /**
   * Bytes that a body may have now.
   * @param lanes that want to send
   */
  bodyBytes(maxBodyBytes: number, lanes: number): number {
    const share = (this.#bytesPerMs * TURN_MS) / Math.max(1, lanes);
    return Math.min(maxBodyBytes, Math.max(MIN_BODY_BYTES, share));
  }
}
