import type { AskResult, CloudClient } from '../core/cloud-port.js';
import { type BackOff, backOffMs } from '../core/time/back-off.js';
import type { Clock } from '../core/time/clock.js';
import { refusalFor, tagOf } from './denial-cache.js';
import type { GrantKind, KeptGrant } from './kept-grant.js';

/** Questions to the cloud at one time; while it does not answer, one. */
const MAX_QUESTIONS_AT_ONCE = 8;
/** Of the time to live: spreads the checks of grants that came to be together. */
const JITTER_SHARE = 0.1;
/** Looks for what is due, at most and at least so far apart; in between a tenth of the time to live. */
const MAX_SWEEP_MS = 10_000;
const MIN_SWEEP_MS = 50;
/** Waits while the cloud does not answer. */
const BACK_OFF: BackOff = { firstMs: 1_000, mostMs: 60_000 };
/** Void tokens noted between two sweeps: more than can be asked about by then. Each takes some 40 bytes. */
const MAX_DOUBTED = 100_000;

export interface GrantAgingOptions {
  readonly cloud: Pick<CloudClient, 'checkDevice'>;
  readonly clock: Clock;
  /** What the cloud's clock shows; undefined while it has not shown it. */
  readonly cloudNowMs: () => number | undefined;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** After so long a grant in use is checked again (`STATEWAY_TOKEN_TTL_MS`). */
  readonly tokenTtlMs: number;
  /** So long after its last confirmation a grant lapses (`STATEWAY_TOKEN_OFFLINE_MS`). */
  readonly tokenOfflineMs: number;
  /** Told when the cloud has granted again, and what it calls the device if it has said so; is to move `confirmedAtMs` on, and may call {@link GrantAging.watch}. */
  readonly onConfirmed: (grant: KeptGrant, kind: GrantKind, name?: string) => void;
}

/**
 * The ageing of grants (contract 1.2): those in use are checked again in the background, one question for each triple; a
 * clear no of the cloud ends a grant; while the cloud cannot be asked grants stay good, until they lapse.
 *
 * Ages are measured by the monotonic clock, which no operator and no NTP server moves.
 */
export class GrantAging {
  readonly #options: GrantAgingOptions;
  readonly #sweepMs: number;
  readonly #grants = new Set<KeptGrant>();
  /** Tokens that the cloud has called void since the last sweep, by {@link tagOf}: anybody can have it say so of any text. */
  readonly #doubted = new Set<number>();
  readonly #due = new Set<KeptGrant>();
  readonly #asking = new Set<KeptGrant>();
  #failures = 0;
  /** Monotonic; nothing is asked before it. */
  #holdUntilMs = Number.NEGATIVE_INFINITY;
  #cancelSweep: () => void = () => {};
  #isClosed = false;

  constructor(options: GrantAgingOptions) {
    this.#options = options;
    this.#sweepMs = Math.max(MIN_SWEEP_MS, Math.min(MAX_SWEEP_MS, options.tokenTtlMs / 10));
    this.#scheduleSweep();
  }

  /** Looks after a grant from now on, or plans its next check after it was confirmed. */
  watch(grant: KeptGrant): void {
    const { tokenTtlMs, random } = this.#options;
    grant.recheckAtMs = grant.confirmedAtMs + tokenTtlMs * (1 + JITTER_SHARE * random());
    this.#grants.add(grant);
  }

  /** Looks after a grant that is not at hand any more for no longer than a socket relies on it. */
  release(grant: KeptGrant): void {
    grant.isReleased = true;
    if (!grant.isWatched) this.drop(grant);
  }

  /**
   * Ends a grant that has not been confirmed for too long, whether it was in use and the cloud away, or nobody used it.
   * Never before its next check can have been answered, however short the time offline.
   * @returns whether it has lapsed
   */
  endIfLapsed(grant: KeptGrant): boolean {
    if (!this.isLapsed(this.#options.clock.monotonicMs() - grant.confirmedAtMs)) return false;
    grant.lapse();
    return true;
  }

  /** How long after its last confirmation a grant lapses. */
  get lapsesAfterMs(): number {
    const { tokenTtlMs, tokenOfflineMs } = this.#options;
    return Math.max(tokenOfflineMs, 2 * tokenTtlMs);
  }

  /** Whether a grant that was confirmed so long ago has lapsed. */
  isLapsed(ageMs: number): boolean {
    return ageMs >= this.lapsesAfterMs;
  }

  /** Forgets a grant. */
  drop(grant: KeptGrant): void {
    this.#grants.delete(grant);
    this.#due.delete(grant);
  }

  /**
   * The cloud has called a token void, so that its grants for other devices are in doubt: they are checked at the next
   * sweep, whether in use or not.
   */
  doubt(token: string): void {
    if (this.#doubted.size < MAX_DOUBTED) this.#doubted.add(tagOf(token));
  }

  /** Answers that are still out change nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.#cancelSweep();
  }

  #scheduleSweep(): void {
    this.#cancelSweep = this.#options.clock.schedule(this.#sweepMs, () => {
      this.#sweep();
      this.#scheduleSweep();
    });
  }

  #sweep(): void {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const wallMs = clock.wallMs();
    const cloudNowMs = this.#options.cloudNowMs() ?? Number.NEGATIVE_INFINITY;
    for (const grant of this.#grants) {
      // That this machine's clock is wrong does not make a token last longer than the cloud's says.
      if (cloudNowMs >= grant.expiresAtMs) grant.isClockDisproved = false;
      if (grant.isReleased && !grant.isWatched) this.drop(grant);
      else if (!this.endIfLapsed(grant) && grant.isGood(wallMs) && this.#isToBeChecked(grant, nowMs))
        this.#makeDue(grant);
    }
    this.#doubted.clear();
    this.#askNext();
  }

  #isToBeChecked(grant: KeptGrant, nowMs: number): boolean {
    return (nowMs >= grant.recheckAtMs && isInUse(grant)) || this.#doubted.has(grant.tag);
  }

  #makeDue(grant: KeptGrant): void {
    if (!this.#asking.has(grant)) this.#due.add(grant);
  }

  #askNext(): void {
    if (this.#isClosed || this.#options.clock.monotonicMs() < this.#holdUntilMs) return;
    const atOnce = this.#failures > 0 ? 1 : MAX_QUESTIONS_AT_ONCE;
    for (const grant of this.#due) {
      if (this.#asking.size >= atOnce) return;
      this.#due.delete(grant);
      void this.#ask(grant);
    }
  }

  async #ask(grant: KeptGrant): Promise<void> {
    this.#asking.add(grant);
    const answer = await this.#options.cloud.checkDevice(grant.device, grant.token);
    this.#asking.delete(grant);
    if (this.#isClosed) return;
    if (isVerdict(answer)) this.#failures = 0;
    else this.#backOff();
    if (this.#grants.has(grant)) this.#judge(grant, answer);
    this.#askNext();
  }

  #judge(grant: KeptGrant, answer: AskResult): void {
    const { clock, tokenOfflineMs, onConfirmed } = this.#options;
    if (!isVerdict(answer)) {
      // Not asked again before the hold is over, and behind those that were not asked yet.
      if (clock.monotonicMs() - grant.confirmedAtMs >= tokenOfflineMs) grant.lapse();
      else this.#makeDue(grant);
      return;
    }
    const refusal = refusalFor(answer.status, answer.message);
    if (refusal === undefined) onConfirmed(grant, 'read', answer.deviceName);
    // That it may not read, it need never have been able to: it is known by this, and not void. That it may not send any
    // more, the cloud says when something is sent.
    else if (refusal.code === 'STATEWAY_NOT_GRANTED' && grant.kind !== 'read') onConfirmed(grant, grant.kind);
    else grant.end(refusal);
  }

  #backOff(): void {
    const { clock, random } = this.#options;
    this.#failures++;
    this.#holdUntilMs = clock.monotonicMs() + backOffMs(BACK_OFF, this.#failures, random());
  }
}

function isInUse(grant: KeptGrant): boolean {
  return grant.isUsed || grant.isWatched;
}

/** Whether the cloud has said yes or no; any other answer is as good as none. */
function isVerdict(answer: AskResult): answer is Extract<AskResult, { kind: 'answer' }> {
  if (answer.kind === 'failure') return false;
  return (answer.status >= 200 && answer.status < 300) || refusalFor(answer.status, '') !== undefined;
}
