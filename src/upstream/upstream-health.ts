import type {
  AskResult,
  CallTrouble,
  CloudCall,
  CloudTrouble,
  FailureReason,
  LogInResult,
  SendResult,
} from '../core/cloud-port.js';
import type { Meters } from '../core/metering/meters.js';
import { type BackOff, backOffMs } from '../core/time/back-off.js';
import type { Clock } from '../core/time/clock.js';

/** Greetings in a row without a good answer, after which a cloud that has answered before counts as lost. */
export const GREETINGS_TO_LOSE = 3;
/** Soon enough for an operator who has just mended something and looks at the page. */
export const GREET_CAP_MS = 15_000;
const GREET_BACK_OFF: BackOff = { firstMs: 1_000, mostMs: GREET_CAP_MS };
/** What may be a portal's answer is looked into no more often than this. */
export const DOUBT_EVERY_MS = 60_000;

export interface UpstreamHealthParts {
  readonly clock: Clock;
  readonly meters: Pick<Meters, 'upstreamFailures'>;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** Asks the cloud; what comes of it is told by {@link UpstreamHealth.note} as of any call. */
  readonly greet: () => Promise<unknown>;
  /** The cloud is lost, or was never there since the start. */
  readonly onLost: (trouble: CloudTrouble) => void;
  /** It is still lost, now for a reason that this outage did not have before. */
  readonly onOtherCause: (trouble: CloudTrouble) => void;
  /** It is there again, after it was lost; never told of the first time that it answers. */
  readonly onBack: () => void;
  /** It answers for the first time, after all that went before had failed. */
  readonly onReached: () => void;
}

/**
 * What all calls to the cloud together say of it: states, checks, log-ins, passed calls, and greetings, which the proxy
 * sends for itself (contract 1.7). The cloud is up while the lanes reach it, and a greeting would.
 *
 * A call that fails may fail by its own fault or its device's. So it is counted and shown, and makes the proxy greet the
 * cloud, the more rarely the more often that found nothing wrong; what comes of that decides. So does the breaker of the
 * lanes, which never sends more than one request at a time into an outage (contract 1.5): nobody is greeted while it probes.
 * The lanes ask this for nothing, so that no stranger's call can hold up states.
 */
export class UpstreamHealth {
  readonly #parts: UpstreamHealthParts;
  #lanesReachIt = true;
  /** As the last greetings were answered. */
  #isThere = true;
  #hasAnswered = false;
  #hasBeenLost = false;
  #wasUp = true;
  #sinceWallMs: number | undefined = undefined;
  #lastFailure: CallTrouble | undefined = undefined;
  /** Of this outage, as far as they were told. */
  readonly #causes = new Set<FailureReason>();
  /** Greetings in a row that were not answered well. */
  #failedGreetings = 0;
  /** Greetings in a row that found nothing wrong: what failed before them did so by its own fault. */
  #needlessGreetings = 0;
  #isGreeting = false;
  /** Monotonic. */
  #greetedMs = Number.NEGATIVE_INFINITY;
  #cancelGreeting: (() => void) | undefined = undefined;
  #isStopped = false;

  constructor(parts: UpstreamHealthParts) {
    this.#parts = parts;
  }

  /** Whether the cloud answers; false until it has. */
  get isUp(): boolean {
    return this.#hasAnswered && this.#isNotLost;
  }

  /** As isUp, and true as well while nothing is known yet. */
  get #isNotLost(): boolean {
    return this.#lanesReachIt && this.#isThere;
  }

  /** Whether it has answered at all in this run. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** Whether it was lost in this run, after it had answered. */
  get hasBeenLost(): boolean {
    return this.#hasBeenLost;
  }

  /** Wall-clock milliseconds since when it is up or lost; undefined before the first sign either way. */
  get sinceWallMs(): number | undefined {
    return this.#sinceWallMs;
  }

  /** The last call that failed, since the start; undefined while none has. */
  get lastFailure(): CallTrouble | undefined {
    return this.#lastFailure;
  }

  /** Greets the cloud, so that it is known from the start on whether it is there. */
  start(): void {
    this.#greet();
  }

  /** What came of a call. */
  note(call: CloudCall, result: SendResult | AskResult | LogInResult): void {
    const sign = signOf(result);
    if (sign === 'good') this.#answered();
    else if (sign !== undefined) this.failed(call, sign);
  }

  /** A call has failed. */
  failed(call: CloudCall, trouble: CloudTrouble): void {
    if (this.#isStopped) return;
    const { clock, meters } = this.#parts;
    meters.upstreamFailures[trouble.reason]++;
    this.#lastFailure = { ...trouble, call, atMs: clock.wallMs() };
    if (call === 'greeting') {
      this.#failedGreetings++;
      if (!this.#hasAnswered || this.#failedGreetings >= GREETINGS_TO_LOSE) this.#isThere = false;
    }
    this.#settle(trouble);
    this.#greetSoon();
  }

  /** An answer came that a portal may have given as well. */
  doubt(): void {
    if (this.#parts.clock.monotonicMs() - this.#greetedMs >= DOUBT_EVERY_MS) this.#greetSoon();
  }

  /**
   * The breaker of the lanes has tripped, or closed again.
   * @param trouble of the last failure; undefined when the lanes reach the cloud
   */
  noteLanes(reachIt: boolean, trouble: CloudTrouble | undefined): void {
    this.#lanesReachIt = reachIt;
    if (reachIt) this.#answered();
    this.#settle(trouble);
  }

  /** Nothing is asked or told any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelGreeting?.();
  }

  #answered(): void {
    this.#hasAnswered = true;
    this.#isThere = true;
    this.#failedGreetings = 0;
    this.#cancelGreeting?.();
    this.#cancelGreeting = undefined;
    this.#settle(undefined);
  }

  #settle(trouble: CloudTrouble | undefined): void {
    const isUp = this.#isNotLost;
    if (this.#isStopped) return;
    if (isUp === this.#wasUp) {
      if (isUp && this.#hasAnswered) this.#sinceWallMs ??= this.#parts.clock.wallMs();
      if (!isUp && trouble !== undefined) this.#tellCause(trouble);
      return;
    }
    this.#wasUp = isUp;
    this.#sinceWallMs = this.#parts.clock.wallMs();
    this.#causes.clear();
    if (!isUp && this.#hasAnswered) this.#hasBeenLost = true;
    if (isUp && this.#hasBeenLost) this.#parts.onBack();
    else if (isUp) this.#parts.onReached();
    else if (trouble !== undefined) {
      this.#causes.add(trouble.reason);
      this.#parts.onLost(trouble);
    }
  }

  #tellCause(trouble: CloudTrouble): void {
    if (this.#causes.has(trouble.reason)) return;
    this.#causes.add(trouble.reason);
    this.#parts.onOtherCause(trouble);
  }

  #greetSoon(): void {
    if (this.#isStopped || this.#isGreeting || this.#cancelGreeting !== undefined || !this.#lanesReachIt) return;
    const { clock, random } = this.#parts;
    if (clock.monotonicMs() - this.#greetedMs >= DOUBT_EVERY_MS) this.#needlessGreetings = 0;
    const inVain = Math.max(this.#failedGreetings, this.#needlessGreetings);
    this.#cancelGreeting = clock.schedule(backOffMs(GREET_BACK_OFF, inVain + 1, random()), () => {
      this.#cancelGreeting = undefined;
      this.#greet();
    });
  }

  #greet(): void {
    // The lanes probe by now, one request at a time.
    if (!this.#lanesReachIt) return;
    this.#isGreeting = true;
    this.#greetedMs = this.#parts.clock.monotonicMs();
    void this.#parts.greet().then(() => {
      this.#isGreeting = false;
      if (this.#failedGreetings === 0) {
        this.#needlessGreetings++;
        return;
      }
      this.#needlessGreetings = 0;
      this.#greetSoon();
    });
  }
}

/** Undefined: it says nothing either way, as a 429 does, which may be that of a balancer. */
function signOf(result: SendResult | AskResult | LogInResult): CloudTrouble | 'good' | undefined {
  if (result.kind === 'failure') return result;
  const status = 'status' in result ? result.status : result.answer.status;
  if (status < 500) return status === 429 ? undefined : 'good';
  const said = 'message' in result && result.message !== '' ? `: ${result.message}` : '';
  return { reason: 'status', words: `the cloud answered ${status}${said}`, code: String(status) };
}
